const BLOCK_BYTES = 256 << 10;
/** Blocks that are got from the system at a time. */
const SLAB_BLOCKS = 16;

/**
 * Blocks of memory, 256 KiB each, that are used again: for what was read ahead, and for parts that are stored. To make
 * memory anew for each chunk of a quick transfer, and to clear it away, costs more time than to fill it. The pool grows to
 * what was needed at the same time, and stays so. Its memory is shared, so that another thread can read it where it
 * lies.
 */
class Blocks {
  readonly #spare: Buffer[] = [];

  /** One block with anything in it. */
  take(): Buffer {
    if (this.#spare.length === 0) this.#grow();
    return this.#spare.pop() as Buffer;
  }

  /** Room for exactly so many bytes: all blocks but the last are whole. */
  takeRoom(bytes: number): Buffer[] {
    const blocks = Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, () => this.take());
    return firstBytes(blocks, bytes);
  }

  /** Takes back blocks that nobody looks at any more, whatever part of them is shown. */
  give(blocks: readonly Buffer[]): void {
    for (const { buffer, byteOffset } of blocks) {
      const start = byteOffset - (byteOffset % BLOCK_BYTES);
      this.#spare.push(Buffer.from(buffer, start, BLOCK_BYTES));
    }
  }

  #grow(): void {
    const slab = new SharedArrayBuffer(SLAB_BLOCKS * BLOCK_BYTES);
    for (let index = 0; index < SLAB_BLOCKS; index++) {
      this.#spare.push(Buffer.from(slab, index * BLOCK_BYTES, BLOCK_BYTES));
    }
  }
}

/** Those of this process. */
export const BLOCKS = new Blocks();

/** The beginning of what {@link Blocks.takeRoom} gave. */
export function firstBytes(room: readonly Buffer[], bytes: number): Buffer[] {
  const kept = room.slice(0, Math.ceil(bytes / BLOCK_BYTES));
  return kept.map((block, index) => block.subarray(0, bytes - index * BLOCK_BYTES));
}

/**
 * Copies a chunk into such room, `position` bytes from its beginning.
 *
 * @throws RangeError when it does not fit
 */
export function copyTo(room: readonly Buffer[], position: number, chunk: Buffer): void {
  for (let copied = 0; copied < chunk.length; ) {
    const at = position + copied;
    const block = room[Math.floor(at / BLOCK_BYTES)]?.subarray(at % BLOCK_BYTES);
    if (!block?.length) throw new RangeError("there is less room than is copied into it");
    copied += chunk.copy(block, 0, copied);
  }
}
