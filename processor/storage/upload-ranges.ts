import type { FinishOptions, PartUploader, UploadResult } from "./part-uploader.ts";

export interface RangesToUpload extends FinishOptions {
  readonly sizeBytes: number;
  /** Reads bytes `start` (inclusive) to `end` (exclusive). */
  readonly read: (start: number, end: number, signal: AbortSignal) => Promise<readonly Uint8Array[]>;
}

/**
 * Uploads a source of known size that can be read anywhere: each part is read on its own and sent as soon as it is
 * there, as many side by side as the uploader has slots.
 *
 * @throws the first failure of a read or of the upload, after the upload was aborted
 */
export async function uploadRanges(uploader: PartUploader, ranges: RangesToUpload): Promise<UploadResult> {
  const reads: Promise<void>[] = [];
  const { partBytes, signal } = uploader;
  try {
    for (let index = 0; index * partBytes < ranges.sizeBytes; index++) {
      const slot = await uploader.reserve(index);
      const start = index * partBytes;
      const end = Math.min(ranges.sizeBytes, start + partBytes);
      const read = ranges.read(start, end, signal).then(slot.submit, async (error: unknown) => {
        slot.release();
        await uploader.abort(error);
        throw error;
      });
      read.catch(() => {});
      reads.push(read);
    }
    await Promise.all(reads);
  } catch (error) {
    await uploader.abort(error);
    throw error;
  }
  return await uploader.finish(ranges);
}
