import { copyInto } from "../../blocks.ts";
import type { ByteReceiver } from "../source-read.ts";

/**
 * The beginning of a file, kept in memory from the moment it arrives: its inspection and its delivery share one response,
 * and neither waits for more of it than it needs.
 */
export class FileFront {
  readonly #memory: Buffer;
  #length = 0;
  #failure: { readonly error: unknown } | null = null;
  #changed = Promise.withResolvers<void>();

  /**
   * @param bytes how long it is
   * @param read begins to read it
   */
  constructor(bytes: number, read: (receiver: ByteReceiver) => Promise<void>) {
    this.#memory = Buffer.allocUnsafeSlow(bytes);
    const receiver = {
      put: (chunk: Buffer) => this.#add(chunk),
      room: () => this.#memory.subarray(this.#length),
    };
    read(receiver).catch((error: unknown) => {
      this.#failure = { error };
      this.#changed.resolve();
    });
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
    for (let position = start; position < end; ) {
      signal?.throwIfAborted();
      const until = Math.min(end, this.#length);
      if (until > position) {
        await receiver.put(this.#memory.subarray(position, until));
        position = until;
      } else if (this.#failure) throw this.#failure.error;
      else await this.#untilChanged(signal);
    }
  }

  #add(chunk: Buffer): void {
    this.#length += copyInto(this.#memory, this.#length, chunk);
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
