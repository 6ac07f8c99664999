const BLOCK_BYTES = 256 << 10;

/** Blocks that are kept although nobody uses them, 16 MiB. */
const MAX_SPARE = 64;

/**
 * Blocks of memory that are used again. They hold what was read ahead: memory that is made anew for each chunk costs
 * more time to be cleared away than the chunk takes to be moved.
 */
class BlockPool {
  readonly #spare: Buffer[] = [];

  /** A block of 256 KiB with anything in it. */
  take(): Buffer {
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** Takes back blocks that nobody looks at any more, whatever part of them is shown. */
  give(blocks: readonly Buffer[]): void {
    for (const { buffer } of blocks) {
      if (this.#spare.length < MAX_SPARE) this.#spare.push(Buffer.from(buffer));
    }
  }
}

/** The blocks of all sources of the process. */
export const BLOCKS = new BlockPool();
