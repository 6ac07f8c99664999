import { copyTo, firstBytes } from "../../blocks.ts";
import type { PartSlot, PartUploader } from "./part-uploader.ts";

/**
 * Fills the parts of an upload one after the other with bytes that come in their order.
 *
 * @example
 * for await (const chunk of source) await filler.put(chunk);
 * filler.end();
 * await uploader.finish();
 */
export class PartFiller {
  readonly #uploader: PartUploader;
  #index: number;
  #slot: PartSlot | null = null;
  #filled = 0;

  /** @param firstPart the part that begins with the first byte, counted from 0 */
  constructor(uploader: PartUploader, firstPart = 0) {
    this.#uploader = uploader;
    this.#index = firstPart;
  }

  /**
   * Takes a copy of the chunk. It must be awaited before the next one: while all parts are in flight, it waits.
   *
   * @throws the uploader's first failure
   */
  put(chunk: Buffer): Promise<void> | void {
    const rest = this.#fill(chunk);
    if (rest.length > 0) return this.#putSlowly(rest);
  }

  /** Sends what is left. */
  end(): void {
    if (this.#filled > 0) this.#send();
  }

  /** Returns what was not sent. */
  drop(): void {
    this.#slot?.release();
    this.#slot = null;
  }

  async #putSlowly(chunk: Buffer): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      this.#slot ??= await this.#uploader.reserve(this.#index);
      rest = this.#fill(rest);
    }
  }

  /** Fills the current part, if there is one, and returns what did not fit. */
  #fill(chunk: Buffer): Buffer {
    if (!this.#slot) return chunk;
    const fitting = chunk.subarray(0, this.#uploader.partBytes - this.#filled);
    copyTo(this.#slot.memory, this.#filled, fitting);
    this.#filled += fitting.length;
    if (this.#filled === this.#uploader.partBytes) this.#send();
    return chunk.subarray(fitting.length);
  }

  #send(): void {
    this.#slot?.submit(firstBytes(this.#slot.memory, this.#filled));
    this.#slot = null;
    this.#filled = 0;
    this.#index++;
  }
}
