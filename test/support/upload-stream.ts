import type { FinishOptions, PartUploader, UploadResult } from "../../processor/storage/part-uploader.ts";

/**
 * Uploads a byte stream of unknown length as equal parts. Reads no faster than parts are stored; chunks are cut where
 * a part ends, never copied.
 *
 * @throws the stream's own error or the uploader's first failure, after the upload was aborted
 * @example await uploadStream(uploader, ffmpeg.stdout)
 */
export async function uploadStream(
  uploader: PartUploader,
  source: AsyncIterable<Uint8Array>,
  options?: FinishOptions,
): Promise<UploadResult> {
  try {
    await fillParts(uploader, source);
  } catch (error) {
    await uploader.abort(error);
    throw error;
  }
  return await uploader.finish(options);
}

async function fillParts(uploader: PartUploader, source: AsyncIterable<Uint8Array>): Promise<void> {
  let index = 0;
  let slot = await uploader.reserve(index);
  let chunks: Uint8Array[] = [];
  let room = uploader.partBytes;
  for await (const chunk of source) {
    for (let rest = chunk; rest.byteLength > 0; ) {
      if (room === 0) {
        slot.submit(chunks);
        slot = await uploader.reserve(++index);
        chunks = [];
        room = uploader.partBytes;
      }
      const piece = rest.subarray(0, room);
      chunks.push(piece);
      room -= piece.byteLength;
      rest = rest.subarray(piece.byteLength);
    }
  }
  if (chunks.length > 0) slot.submit(chunks);
  else slot.release();
}
