import { copyTo, firstBytes } from "../../blocks.ts";
import { PartFiller } from "./part-filler.ts";
import type { PartSlot, PartUploader } from "./part-uploader.ts";

/**
 * Fills the parts of a file whose beginning, of known length, is known last: an index in front of its media. The part in
 * which the front ends stays in memory until then; the parts before it need none, and those behind it are sent as they
 * are filled. Nothing of the file touches a disk.
 *
 * The uploader must not hash (no `digest`), because parts come out of order; its storage must accept that (`inOrder`), and its
 * share of the memory must have two parts reserved: the one that stays, and another to go on with.
 *
 * @example
 * const filler = new FrontLastFiller(uploader, roomBytes);
 * for await (const chunk of media) await filler.put(chunk);
 * await filler.end(front);
 * await uploader.finish();
 */
export class FrontLastFiller {
  readonly #uploader: PartUploader;
  readonly #frontBytes: number;
  /** Parts that the front fills. */
  readonly #wholeParts: number;
  /** The part that the front shares with the media. */
  #shared: PartSlot | null = null;
  /** Bytes of that part that are taken, those of the front included. */
  #taken: number;
  readonly #before: PartFiller;
  readonly #behind: PartFiller;

  /** @param frontBytes exact length of what comes before the media */
  constructor(uploader: PartUploader, frontBytes: number) {
    const { partBytes } = uploader;
    this.#uploader = uploader;
    this.#frontBytes = frontBytes;
    this.#wholeParts = Math.floor(frontBytes / partBytes);
    this.#taken = frontBytes % partBytes;
    this.#before = new PartFiller(uploader);
    this.#behind = new PartFiller(uploader, Math.ceil(frontBytes / partBytes));
  }

  /**
   * Takes a copy of the next bytes behind the front. It must be awaited before the next one.
   *
   * @throws the uploader's first failure
   */
  put(chunk: Buffer): Promise<void> | void {
    const isShared = this.#taken > 0 && this.#taken < this.#uploader.partBytes;
    return isShared ? this.#putShared(chunk) : this.#behind.put(chunk);
  }

  /**
   * Sends what is left, the front last.
   *
   * @throws the uploader's first failure; RangeError if the front is not as long as announced
   */
  async end(front: Buffer): Promise<void> {
    if (front.length !== this.#frontBytes) throw new RangeError("the front has another length");
    this.#behind.end();
    const wholeBytes = this.#wholeParts * this.#uploader.partBytes;
    if (wholeBytes < front.length) {
      const slot = await this.#sharedSlot();
      copyTo(slot.memory, 0, front.subarray(wholeBytes));
      slot.submit(firstBytes(slot.memory, this.#taken));
      this.#shared = null;
    }
    await this.#before.put(front.subarray(0, wholeBytes));
  }

  /** Returns what was not sent. */
  drop(): void {
    this.#shared?.release();
    this.#shared = null;
    this.#before.drop();
    this.#behind.drop();
  }

  async #putShared(chunk: Buffer): Promise<void> {
    const { memory } = await this.#sharedSlot();
    const fitting = chunk.subarray(0, this.#uploader.partBytes - this.#taken);
    copyTo(memory, this.#taken, fitting);
    this.#taken += fitting.length;
    await this.#behind.put(chunk.subarray(fitting.length));
  }

  async #sharedSlot(): Promise<PartSlot> {
    this.#shared ??= await this.#uploader.reserve(this.#wholeParts);
    return this.#shared;
  }
}
