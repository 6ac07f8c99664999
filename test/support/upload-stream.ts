import { PartFiller } from "../../processor/storage/uploads/part-filler.ts";
import type {
  FinishOptions,
  PartUploader,
  UploadResult,
} from "../../processor/storage/uploads/part-uploader.ts";

/**
 * Uploads a byte stream of unknown length as equal parts. Reads no faster than parts are stored.
 *
 * @throws the stream's own error or the uploader's first failure, after the upload was aborted
 * @example await uploadStream(uploader, ffmpeg.stdout)
 */
export async function uploadStream(
  uploader: PartUploader,
  source: AsyncIterable<Uint8Array>,
  options?: FinishOptions,
): Promise<UploadResult> {
  const filler = new PartFiller(uploader);
  try {
    for await (const { buffer, byteOffset, byteLength } of source) {
      await filler.put(Buffer.from(buffer, byteOffset, byteLength));
    }
    filler.end();
  } catch (error) {
    filler.drop();
    await uploader.abort(error);
    throw error;
  }
  return await uploader.finish(options);
}
