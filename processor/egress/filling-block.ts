import { BLOCKS, copyInto } from "../blocks.ts";

/** Bytes of a block that nobody has taken before. The taker releases the block when it no longer uses them. */
export interface FilledBytes {
  readonly bytes: Buffer;
  readonly block: FillingBlock;
}

/**
 * A block of the pool that a source fills while a reader already takes what is there. It goes back to the pool when its
 * filler and all who took bytes have released it.
 */
export class FillingBlock {
  readonly #memory = BLOCKS.take();
  #filled = 0;
  #taken = 0;
  /** The filler, and each taker. */
  #holders = 1;

  get isFull(): boolean {
    return this.#filled === this.#memory.length;
  }

  /** Memory for the next bytes. */
  get room(): Buffer {
    return this.#memory.subarray(this.#filled);
  }

  /**
   * Adds the next bytes, with a copy unless they were read into {@link room}.
   *
   * @returns how many of them fit
   */
  put(chunk: Buffer): number {
    const length = copyInto(this.#memory, this.#filled, chunk);
    this.#filled += length;
    return length;
  }

  /** What was added since the last call: nothing or one piece. */
  take(): FilledBytes[] {
    if (this.#taken === this.#filled) return [];
    const bytes = this.#memory.subarray(this.#taken, this.#filled);
    this.#taken = this.#filled;
    this.#holders++;
    return [{ bytes, block: this }];
  }

  release(): void {
    if (--this.#holders === 0) BLOCKS.give([this.#memory]);
  }

  /** The same for a filler whose connection may still read into the block until the event loop has turned. */
  releaseLater(): void {
    setImmediate(() => this.release());
  }
}
