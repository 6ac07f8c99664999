const BLOCK_BYTES = 1 << 20;

/**
 * Memory for file parts, used again by whoever comes next: to get it anew from the system costs as much as to fill it.
 * It comes in blocks of one size, so that it serves parts of any size, and is shared memory, so that another thread can
 * read a part where it lies.
 */
export class PartMemory {
  readonly #spare: Buffer[] = [];

  /** Room for exactly so many bytes, with anything in it. */
  take(bytes: number): Buffer[] {
    const count = Math.ceil(bytes / BLOCK_BYTES);
    const blocks = Array.from({ length: count }, () => this.#spare.pop() ?? newBlock());
    return firstBytes(blocks, bytes);
  }

  /** Takes memory back that nobody looks at any more. */
  give(blocks: readonly Buffer[]): void {
    for (const { buffer } of blocks) this.#spare.push(Buffer.from(buffer));
  }
}

const newBlock = (): Buffer => Buffer.from(new SharedArrayBuffer(BLOCK_BYTES));

/** The beginning of a part's memory. */
export function firstBytes(blocks: readonly Buffer[], bytes: number): Buffer[] {
  const whole = blocks.slice(0, Math.ceil(bytes / BLOCK_BYTES));
  return whole.map((block, index) => block.subarray(0, bytes - index * BLOCK_BYTES));
}

/** Copies a chunk into a part's memory, `position` bytes from its beginning. */
export function copyTo(blocks: readonly Buffer[], position: number, chunk: Buffer): void {
  for (let copied = 0; copied < chunk.length; ) {
    const at = position + copied;
    const block = blocks[Math.floor(at / BLOCK_BYTES)]?.subarray(at % BLOCK_BYTES);
    if (!block?.length) throw new RangeError("a part is smaller than what is copied into it");
    copied += chunk.copy(block, 0, copied);
  }
}
