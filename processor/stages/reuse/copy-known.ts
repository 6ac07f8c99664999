import { defaultFilename } from "../../../schema/storage/object-key.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { DeliveredFile } from "../../../schema/wire/run.ts";
import type { RunContext } from "../../dependencies.ts";
import { StoppedError } from "../../run/stop.ts";
import type { Inputs } from "../inputs.ts";
import type { Source } from "../source.ts";
import { copyDelivered } from "./copy-delivered.ts";
import { mediaOf } from "./source-facts.ts";

/**
 * Copies the file of an earlier job that fetched the same media by another address, which only shows now: the site names
 * the media.
 *
 * @returns null if there is none
 */
export async function copyKnownMedia(context: RunContext, source: Source): Promise<Delivery | null> {
  const media = mediaOf(source);
  return media === null ? null : copyKnown(context, source, { media, sha256: null });
}

/** The same for a direct link whose source states the SHA-256 of its bytes; its extras would be another source's. */
export async function copyKnownBytes(
  context: RunContext,
  source: Source,
  { all: [input, second] }: Inputs,
): Promise<Delivery | null> {
  const sha256 = input?.ranges?.version.sha256;
  const { subtitles, thumbnail } = context.request;
  if (sha256 === undefined || second !== undefined || subtitles !== null || thumbnail) return null;
  return copyKnown(context, source, { media: null, sha256 });
}

async function copyKnown(
  context: RunContext,
  source: Source,
  asked: { readonly media: string | null; readonly sha256: string | null },
): Promise<Delivery | null> {
  const { request, callback, claim, signal } = context;
  // a file that was found by its address was looked at already
  if (request.reuse?.file !== null) return null;
  const file = await callback.known(claim, asked, signal).catch((error: unknown) => {
    if (signal.aborted || error instanceof StoppedError) throw error;
    return null;
  });
  return file && copyDelivered(context, asDescribed(file, source));
}

/** What the source says of itself now is newer than what the earlier job reported. */
function asDescribed(file: DeliveredFile, source: Source): DeliveredFile {
  const { title, id, description, releaseDate } = source;
  const name = defaultFilename(title, id);
  return {
    ...file,
    delivery: {
      ...file.delivery,
      ...{
        title: title.slice(0, 1000),
        description: description?.slice(0, 10_000) ?? null,
        release_date: releaseDate,
      },
      source: { media: mediaOf(source), name, version: null },
    },
  };
}
