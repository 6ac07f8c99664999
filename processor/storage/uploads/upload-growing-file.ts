import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { firstBytes } from "../../blocks.ts";
import type { Hasher } from "./hasher.ts";
import type { FinishOptions, PartUploader, UploadResult } from "./part-uploader.ts";

export interface GrowingFile extends FinishOptions {
  readonly path: string;
  /**
   * Settles when the writer has closed the file: then its size is final. A rejection aborts the upload and is thrown.
   */
  readonly done: Promise<unknown>;
  /**
   * Bytes at the front that the writer fills in at the very end (an index in front of the media): parts that overlap
   * them are sent last. 0 for a file that is only appended to. A storage that takes parts in order gets all of them at
   * the end, unless this is 0.
   */
  readonly headBytes: number;
  readonly hasher: Hasher;
}

/** A running {@link uploadGrowingFile}. */
export interface GrowingUpload {
  /** Reports that the writer made progress; optional, it only makes the next check come sooner. */
  poke(): void;
  /** The upload's end. `sha256` is of the whole file. */
  readonly result: Promise<UploadResult & { readonly sha256: string }>;
}

/** A writer makes thousands of small writes a second: one check of the file in this time is enough. */
const QUIET_MS = 20;
/** If the file system reports no changes, the file is checked this often. */
const FALLBACK_MS = 500;

/**
 * Uploads a file while a muxer writes it strictly forward: a part is sent as soon as the file has grown one part past
 * it, the parts with the reserved head last. The uploader must not hash (no `digest`): the head is unknown until the end,
 * so the file is hashed then, from the page cache, while the last parts are in flight.
 *
 * The file must exist. The result is rejected with the first failure, after the upload was aborted.
 */
export function uploadGrowingFile(uploader: PartUploader, file: GrowingFile): GrowingUpload {
  const watcher = new GrowthWatcher(file.path);
  // it is awaited where it matters; until then a writer that already failed must not count as unhandled
  file.done.catch(() => {});
  return { poke: () => watcher.poke(), result: run(uploader, file, watcher) };
}

async function run(uploader: PartUploader, file: GrowingFile, watcher: GrowthWatcher) {
  const handle = await open(file.path, "r").catch(async (error: unknown) => {
    await uploader.abort(error);
    throw error;
  });
  let reading: Promise<unknown> = Promise.resolve();
  const hashing = file.done.then(() => {
    const hashed = file.hasher.hashFile(handle.fd, uploader.signal);
    reading = hashed;
    return hashed;
  });
  // whatever fails first is thrown below; this must not count as unhandled until then
  hashing.catch(() => {});
  try {
    await sendParts(uploader, file, handle, watcher);
    const beforePublish = async () => file.beforePublish?.(await hashing);
    const [result, sha256] = await Promise.all([uploader.finish({ beforePublish }), hashing]);
    return { ...result, sha256 };
  } catch (error) {
    await uploader.abort(error);
    throw error;
  } finally {
    // another file may get the number of a closed one
    await reading.catch(() => {});
    await handle.close();
  }
}

async function sendParts(
  uploader: PartUploader,
  file: GrowingFile,
  handle: FileHandle,
  watcher: GrowthWatcher,
): Promise<void> {
  const { inOrder, partBytes } = uploader;
  const isHeldWhole = inOrder && file.headBytes > 0;
  const heldParts = isHeldWhole ? Number.POSITIVE_INFINITY : Math.ceil(file.headBytes / partBytes);
  let closed = false;
  const closing = file.done.then(
    () => {
      closed = true;
      watcher.poke();
    },
    (error: unknown) => uploader.abort(error),
  );
  const onAbort = () => watcher.poke();
  uploader.signal.addEventListener("abort", onAbort, { once: true });
  try {
    let next = heldParts;
    while (!closed) {
      uploader.signal.throwIfAborted();
      const { size } = await handle.stat();
      // the writer's last block may still be in its own buffer, so a part is final one part later
      while ((next + 2) * partBytes <= size) await send(uploader, handle, next++, size);
      if (!closed) await watcher.changed();
    }
    await closing;
    const { size } = await handle.stat();
    while (next * partBytes < size) await send(uploader, handle, next++, size);
    for (let index = 0; index < heldParts && index * partBytes < size; index++) {
      await send(uploader, handle, index, size);
    }
  } finally {
    uploader.signal.removeEventListener("abort", onAbort);
    watcher.close();
  }
}

async function send(uploader: PartUploader, handle: FileHandle, index: number, size: number): Promise<void> {
  const slot = await uploader.reserve(index);
  const start = index * uploader.partBytes;
  try {
    slot.submit(
      await readFully(handle, start, firstBytes(slot.memory, Math.min(uploader.partBytes, size - start))),
    );
  } catch (error) {
    slot.release();
    throw error;
  }
}

/** Reads until the blocks are full. */
async function readFully(handle: FileHandle, start: number, blocks: Buffer[]): Promise<Buffer[]> {
  let position = start;
  for (let rest: Buffer[] = blocks; rest.length > 0; ) {
    const { bytesRead } = await handle.readv(rest, position);
    if (bytesRead === 0) throw new Error("the file shrank while it was uploaded");
    position += bytesRead;
    rest = after(rest, bytesRead);
  }
  return blocks;
}

/** The rest of some blocks after their first bytes. */
function after(blocks: readonly Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  return blocks.flatMap((block) => {
    const skipped = Math.min(left, block.length);
    left -= skipped;
    return skipped < block.length ? [block.subarray(skipped)] : [];
  });
}

/** Reports when a file may have grown: on a change that the system reports or a poke, at most once in a short while. */
class GrowthWatcher {
  readonly #path: string;
  #wake: (() => void) | null = null;
  #poked = false;

  constructor(path: string) {
    this.#path = path;
  }

  poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  close(): void {
    this.poke();
  }

  /** Resolves at once for a poke that came since the last check. */
  async changed(): Promise<void> {
    if (!this.#poked) await pause(QUIET_MS, (wake) => this.#onWake(wake));
    if (!this.#poked) await this.#nextChange();
    this.#poked = false;
  }

  async #nextChange(): Promise<void> {
    // one event is requested at a time: a permanent watch would report every single write
    const watcher = this.#watch();
    await pause(FALLBACK_MS, (wake) => {
      this.#onWake(wake);
      watcher?.once("change", wake);
      watcher?.on("error", wake);
    });
    watcher?.close();
  }

  /** Null if the system has no watch left: then only the pause decides. */
  #watch(): FSWatcher | null {
    try {
      return watch(this.#path, { persistent: false });
    } catch {
      return null;
    }
  }

  #onWake(wake: () => void): void {
    this.#wake = wake;
    if (this.#poked) wake();
  }
}

/** Waits `ms`, or until the given function is called. */
function pause(ms: number, onStart: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    onStart(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
