import type { OnReadOpts, Socket } from "node:net";

/** Bytes that one read of a connection brings at most; what a line brings at once stays in the processor's cache. */
const READ_BYTES = 128 << 10;
/** A rest smaller than this is not worth a read. */
const SMALLEST_READ_BYTES = 16 << 10;

const memories = new WeakMap<Socket, ReadMemory>();

/**
 * The memory that a connection reads into. New memory for each read is what Node does by itself; at hundreds of
 * megabytes a second, clearing it away costs more than everything else. So a reader that is done with each chunk at
 * once says so, and the same memory is read into again.
 */
export class ReadMemory {
  #memory = Buffer.allocUnsafeSlow(READ_BYTES);
  #used = 0;
  #socket: Socket | null = null;
  #isTaken: (() => boolean) | null = null;

  /** What a connection of such memory is made with; `attach` follows as soon as there is one. */
  readonly options: OnReadOpts = {
    buffer: () => this.#next(),
    callback: (length, memory) => {
      this.#used += length;
      return this.#socket?.push(memory.subarray(0, length)) ?? false;
    },
  };

  /** The memory of a connection that was made with one. */
  static of(socket: Socket): ReadMemory | undefined {
    return memories.get(socket);
  }

  attach(socket: Socket): void {
    this.#socket = socket;
    memories.set(socket, this);
  }

  /**
   * From here on memory is used again while `isTaken` says that nothing lies between the connection and a reader that
   * keeps no chunk.
   *
   * @returns ends that
   */
  lend(isTaken: () => boolean): () => void {
    this.#isTaken = isTaken;
    return () => {
      if (this.#isTaken === isTaken) this.#isTaken = null;
    };
  }

  #next(): Buffer {
    if (this.#socket?.readableLength === 0 && this.#isTaken?.()) this.#used = 0;
    if (READ_BYTES - this.#used < SMALLEST_READ_BYTES) {
      this.#memory = Buffer.allocUnsafeSlow(READ_BYTES);
      this.#used = 0;
    }
    return this.#memory.subarray(this.#used);
  }
}
