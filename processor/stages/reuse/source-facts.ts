import { defaultFilename } from "../../../schema/storage/object-key.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { SourceVersion } from "../../../schema/wire/reuse.ts";
import type { RunContext } from "../../dependencies.ts";
import type { YtdlpInfo } from "../../tools/ytdlp-info.ts";
import type { Inputs } from "../inputs.ts";
import type { Source } from "../source.ts";

/** Extractors that name media by its address. */
const NAMELESS = /^(?:generic|html5)/i;

/** What a later job needs to know to copy this delivery; nothing where the job must not be copied. */
export function sourceFacts(
  { request }: RunContext,
  source: Source,
  inputs: Inputs,
): Pick<Delivery, "source"> {
  if (request.reuse === undefined) return {};
  const { title, id, info } = source;
  return {
    source: {
      media: mediaOf(source),
      name: defaultFilename(title, id),
      version: info.direct === true ? versionOf(inputs) : null,
    },
  };
}

/** The site's own name of a media item; null if it has none. */
export const mediaOf = ({ id, info }: Pick<Source, "id" | "info">): string | null =>
  mediaName({ ...info, id });

/** The same for what the extractor reports. */
export function mediaName({ id, ...info }: YtdlpInfo): string | null {
  const site = info.extractor_key ?? info.extractor ?? "generic";
  return NAMELESS.test(site) || id === "" ? null : `${site} ${id}`.slice(0, 1024);
}

function versionOf({ all: [input] }: Inputs): SourceVersion | null {
  if (!input?.ranges) return null;
  const { version, sizeBytes = null } = input.ranges;
  return { etag: version.etag ?? null, last_modified: version.lastModified ?? null, size: sizeBytes };
}
