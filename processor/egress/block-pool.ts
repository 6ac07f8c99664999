const BLOCK_BYTES = 256 << 10;

/**
 * Blocks of memory that are used again. They hold what was read ahead: memory that is made anew for each chunk costs
 * more time to be cleared away than the chunk takes to be moved.
 */
export class BlockPool {
  readonly #spare: Buffer[] = [];

  /** A block of 256 KiB with anything in it. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Takes back blocks that nobody looks at any more, whatever part of them is shown. */
  give(blocks: readonly Buffer[]): void {
    for (const { buffer } of blocks) this.#spare.push(Buffer.from(buffer));
  }
}
