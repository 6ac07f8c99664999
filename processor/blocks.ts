const BLOCK_BYTES = 256 << 10;
/** Blocks that are allocated at a time. */
const SLAB_BLOCKS = 16;

/**
 * A pool of reusable blocks of memory, 256 KiB each, for data that is read ahead and for parts that are uploaded. In a
 * fast transfer, allocating and collecting memory for each chunk would cost more time than filling it. The pool grows to
 * the peak demand and does not shrink. Its memory is shared, so that another thread can read it in place.
 */
class Blocks {
  readonly #spare: Buffer[] = [];

  /** One block, whose content is undefined. */
  take(): Buffer {
    if (this.#spare.length === 0) this.#grow();
    return this.#spare.pop() as Buffer;
  }

  /** Room for exactly this many bytes: all blocks except the last one are full. */
  takeRoom(bytes: number): Buffer[] {
    const blocks = Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, () => this.take());
    return firstBytes(blocks, bytes);
  }

  /** Takes back blocks that are no longer used, given by any views of them. */
  give(blocks: readonly Buffer[]): void {
    for (const { buffer, byteOffset } of blocks) {
      const start = byteOffset - (byteOffset % BLOCK_BYTES);
      this.#spare.push(Buffer.from(buffer, start, BLOCK_BYTES));
    }
  }

  /** The same for blocks that a connection may still be reading into: they wait until the event loop has turned. */
  giveLater(blocks: readonly Buffer[]): void {
    setImmediate(() => this.give(blocks));
  }

  #grow(): void {
    const slab = new SharedArrayBuffer(SLAB_BLOCKS * BLOCK_BYTES);
    for (let index = 0; index < SLAB_BLOCKS; index++) {
      this.#spare.push(Buffer.from(slab, index * BLOCK_BYTES, BLOCK_BYTES));
    }
  }
}

/** The blocks of this process. */
export const BLOCKS = new Blocks();

/** The beginning of what {@link Blocks.takeRoom} gave. */
export function firstBytes(room: readonly Buffer[], bytes: number): Buffer[] {
  const kept = room.slice(0, Math.ceil(bytes / BLOCK_BYTES));
  return kept.map((block, index) => block.subarray(0, bytes - index * BLOCK_BYTES));
}

/**
 * What is left of the block `position` bytes from the beginning of such room, or of it as far as `end`.
 *
 * @throws RangeError behind its end
 */
export function roomAt(room: readonly Buffer[], position: number, end = Number.POSITIVE_INFINITY): Buffer {
  const offset = position % BLOCK_BYTES;
  const block = room[(position - offset) / BLOCK_BYTES];
  if (!block || block.length <= offset)
    throw new RangeError("the room is too small for what is copied into it");
  return block.subarray(offset, Math.min(block.length, offset + end - position));
}

/**
 * Copies a chunk into such room, `position` bytes from its beginning, unless it lies there already.
 *
 * @throws RangeError when it does not fit
 */
export function copyTo(room: readonly Buffer[], position: number, chunk: Buffer): void {
  for (let copied = 0; copied < chunk.length; ) {
    const block = roomAt(room, position + copied);
    copied += copyInto(block, 0, copied === 0 ? chunk : chunk.subarray(copied));
  }
}

/** Copies what fits of a chunk into a block, unless it lies there already. @returns the number of its bytes that fit */
export function copyInto(block: Buffer, position: number, chunk: Buffer): number {
  const isThere = block.byteOffset + position === chunk.byteOffset && block.buffer === chunk.buffer;
  return isThere ? Math.min(block.length - position, chunk.length) : chunk.copy(block, position);
}
