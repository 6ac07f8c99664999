import { firstBytes } from "../../blocks.ts";
import type { FinishOptions, PartUploader, UploadResult } from "./part-uploader.ts";

export interface RangesToUpload extends FinishOptions {
  readonly sizeBytes: number;
  /** Reads bytes `start` (inclusive) to `end` (exclusive); `memory` has exactly as much room and need not be used. */
  readonly read: (
    start: number,
    end: number,
    signal: AbortSignal,
    memory: readonly Buffer[],
  ) => Promise<readonly Uint8Array[]>;
  /**
   * Concurrent reads of parts; default: as many as the uploader has slots. Fewer keep both ends busy: parts that share
   * a connection arrive together, and while all slots are being stored nothing is read. The number may change.
   */
  readonly readsAtOnce?: () => number;
  /** Resolves when that number has grown; asked again after that. */
  readonly growth?: () => Promise<void>;
}

/**
 * Uploads a source of known size that can be read anywhere: each part is read separately and sent as soon as it has
 * arrived, as many in parallel as the uploader has slots.
 *
 * @throws the first failure of a read or of the upload, after the upload was aborted
 */
export async function uploadRanges(uploader: PartUploader, ranges: RangesToUpload): Promise<UploadResult> {
  const reads = new Set<Promise<void>>();
  const { partBytes, signal } = uploader;
  const { readsAtOnce = () => Number.POSITIVE_INFINITY, growth } = ranges;
  try {
    for (let index = 0; index * partBytes < ranges.sizeBytes; index++) {
      while (reads.size >= readsAtOnce()) await Promise.race([...reads, ...(growth ? [growth()] : [])]);
      const slot = await uploader.reserve(index);
      const start = index * partBytes;
      const end = Math.min(ranges.sizeBytes, start + partBytes);
      const memory = firstBytes(slot.memory, end - start);
      const read = ranges.read(start, end, signal, memory).then(slot.submit, async (error: unknown) => {
        slot.release();
        await uploader.abort(error);
        throw error;
      });
      reads.add(read);
      // a failed one stays, so that every waiter gets its error
      read.then(
        () => reads.delete(read),
        () => {},
      );
    }
    await Promise.all(reads);
  } catch (error) {
    await uploader.abort(error);
    throw error;
  }
  return await uploader.finish(ranges);
}
