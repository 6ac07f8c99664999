import { BLOCKS, copyTo, roomAt } from "../../blocks.ts";
import type { ByteReceiver } from "../source-read.ts";

/**
 * The beginning of a file, kept in memory from the moment it arrives: its inspection and its delivery share one response,
 * and neither waits for more of it than it needs. Its blocks go back to the pool when it was closed and nobody reads into
 * them or from them any more.
 */
export class FileFront {
  readonly #blocks: readonly Buffer[];
  #length = 0;
  /** The file, the connection that fills it, and each {@link pass}. */
  #holders = 2;
  #failure: { readonly error: unknown } | null = null;
  #changed = Promise.withResolvers<void>();

  /**
   * @param bytes how long it is
   * @param read begins to read it
   */
  constructor(bytes: number, read: (receiver: ByteReceiver) => Promise<void>) {
    this.#blocks = BLOCKS.takeRoom(bytes);
    const receiver = {
      put: (chunk: Buffer) => this.#add(chunk),
      room: () => roomAt(this.#blocks, this.#length),
    };
    void read(receiver)
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#changed.resolve();
      })
      .finally(() => this.#release());
  }

  /** It cannot be read to its end. */
  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Hands over the bytes from `start` (inclusive) to `end` (exclusive) as they arrive; a chunk is only borrowed.
   *
   * @throws what reading threw, or the signal's reason
   */
  async pass(start: number, end: number, receiver: ByteReceiver, signal?: AbortSignal): Promise<void> {
    this.#holders++;
    try {
      for (let position = start; position < end; ) {
        signal?.throwIfAborted();
        const until = Math.min(end, this.#length);
        if (until > position) {
          const chunk = roomAt(this.#blocks, position, until);
          await receiver.put(chunk);
          position += chunk.length;
        } else if (this.#failure) throw this.#failure.error;
        else await this.#untilChanged(signal);
      }
    } finally {
      this.#release();
    }
  }

  /** Called once, when no other reader comes. */
  close(): void {
    this.#release();
  }

  /** A connection that failed may still read into the blocks until the event loop has turned. */
  #release(): void {
    if (--this.#holders === 0) BLOCKS.giveLater(this.#blocks);
  }

  #add(chunk: Buffer): void {
    copyTo(this.#blocks, this.#length, chunk);
    this.#length += chunk.length;
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }

  async #untilChanged(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    void this.#changed.promise.then(resolve);
    const onAbort = () => resolve();
    signal?.addEventListener("abort", onAbort);
    await promise;
    signal?.removeEventListener("abort", onAbort);
  }
}
