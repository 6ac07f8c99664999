import { readFile } from "node:fs/promises";
import type { Adjustment } from "../../../schema/media.ts";
import { byteLength, MAX_KEY_BYTES } from "../../../schema/storage/object-key.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { RunContext } from "../../dependencies.ts";
import { StorageFault } from "../../fault.ts";
import type { Section } from "../file-metadata.ts";
import { openUpload } from "../open-upload.ts";
import { type FetchedExtras, missingExtra } from "./extras.ts";
import { sectionOfVtt } from "./vtt.ts";

export interface PublishedExtras {
  readonly subtitles: Delivery["subtitles"];
  readonly thumbnailKey: string | null;
  readonly adjustments: readonly Adjustment[];
}

interface NewExtra {
  /** After the media's name and a dot. */
  readonly suffix: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/**
 * Uploads what was fetched, next to the media and under its name. Called when permission to publish was granted and the
 * media is published, so a cancelled run shows none of its extras. One upload is open at a time; each is reported to
 * the Worker and replaces the one before, which was completed: the run after a killed one undoes the upload that was
 * open, and writes the others again under the same keys.
 *
 * @param section what was delivered of the source
 */
export async function publishExtras(
  context: RunContext,
  fetched: FetchedExtras,
  { key: mediaKey, section }: { key: string; section: Section },
): Promise<PublishedExtras> {
  const stem = mediaKey.replace(/\.[^./]+$/, "");
  const adjustments = [...fetched.adjustments];
  const put = async (field: string, from: string | true, extra: NewExtra): Promise<string | null> => {
    const key = `${stem}.${extra.suffix}`;
    try {
      await upload(context, key, extra);
      return key;
    } catch (error) {
      context.signal.throwIfAborted();
      adjustments.push(missingExtra(context, { field, from, reason: "It could not be stored" }, error));
      return null;
    }
  };

  const subtitles: { language: string; key: string }[] = [];
  for (const { language, text } of fetched.subtitles) {
    const key = await put("subtitle_languages", language, {
      suffix: `${language}.vtt`,
      contentType: "text/vtt; charset=utf-8",
      body: Buffer.from(sectionOfVtt(text, section.start, section.end)),
    });
    if (key !== null) subtitles.push({ language, key });
  }
  const thumbnailKey =
    fetched.thumbnail &&
    (await put("download_thumbnail", true, {
      suffix: "jpg",
      contentType: "image/jpeg",
      body: await readFile(fetched.thumbnail.path),
    }));
  return { subtitles, thumbnailKey, adjustments };
}

async function upload(context: RunContext, key: string, { contentType, body }: NewExtra): Promise<void> {
  if (byteLength(key) > MAX_KEY_BYTES) throw new StorageFault("upload_refused", "the object key is too long");
  const uploader = await openUpload(context, { key, contentType, expectedBytes: body.length, hashes: false });
  try {
    const slot = await uploader.reserve(0);
    slot.submit([body]);
  } catch (error) {
    await uploader.abort(error);
    throw error;
  }
  await uploader.finish();
}
