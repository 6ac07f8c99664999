import { StorageFault } from "../../fault.ts";
import type { ObjectCopy, ObjectStore, StoredObject, Upload } from "../object-store.ts";

/** Bytes `start` (inclusive) to `end` (exclusive) of an object. */
export interface ObjectSpan {
  readonly start: number;
  readonly end: number;
}

/** An upload whose parts may be made from a stored object. */
export interface CopyingUpload extends Upload {
  /** Makes part `index` from bytes of a stored object. @param span null for the whole object */
  copyPart(index: number, source: StoredObject, span: ObjectSpan | null, signal: AbortSignal): Promise<void>;
}

/**
 * S3 copies up to 5 GiB with one request, but such a request may last longer than a silent connection does. Parts of
 * this size are copied within seconds.
 */
const COPIED_PART_BYTES = 128 << 20;
/** More would make a storage ask to slow down. */
const PARTS_AT_ONCE = 4;

/**
 * A copy that is an upload in parts, and so is fenced like every other upload. Not every service knows conditions for the
 * source of a part (R2 and the SDK of Azure do not), so the source is compared when all parts are copied.
 */
export class PartsCopy implements ObjectCopy {
  readonly #store: Pick<ObjectStore, "find">;
  readonly #upload: CopyingUpload;
  readonly #source: StoredObject;
  readonly #partBytes: number;

  constructor(
    store: Pick<ObjectStore, "find">,
    upload: CopyingUpload,
    source: StoredObject,
    partBytes = COPIED_PART_BYTES,
  ) {
    this.#store = store;
    this.#upload = upload;
    this.#source = source;
    this.#partBytes = partBytes;
  }

  get ref(): string {
    return this.#upload.ref;
  }

  get retries(): number {
    return this.#upload.retries;
  }

  async transfer(signal: AbortSignal): Promise<void> {
    const { bytes } = this.#source;
    const count = Math.max(1, Math.ceil(bytes / this.#partBytes));
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    let next = 0;
    const work = async (): Promise<void> => {
      for (let index = next++; index < count; index = next++) {
        const start = index * this.#partBytes;
        const span = count === 1 ? null : { start, end: Math.min(bytes, start + this.#partBytes) };
        await this.#upload.copyPart(index, this.#source, span, either);
      }
    };
    const workers = Array.from({ length: Math.min(PARTS_AT_ONCE, count) }, () =>
      work().catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    );
    // an upload may be aborted only when none of its parts is in flight
    await Promise.allSettled(workers);
    await Promise.all(workers);
    const after = await this.#store.find(this.#source.key, signal);
    if (after?.version === this.#source.version) return;
    throw new StorageFault("upload_failed", "the copied object was replaced meanwhile");
  }

  complete(): Promise<void> {
    return this.#upload.complete();
  }

  abort(): Promise<void> {
    return this.#upload.abort();
  }
}
