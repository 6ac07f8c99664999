import { BLOCKS } from "../blocks.ts";
import type { ChunkSink } from "./source-read.ts";

/** Reads a byte stream to its end, which the signal may bring forward. */
export type StreamInto = (signal: AbortSignal, onChunk: ChunkSink) => Promise<void>;

/** Bytes of the stream that is being read right now which may wait for its reader. */
const READING_BYTES = 4 << 20;

/** The memory that streams which nobody reads yet may fill together. */
export class ByteGate {
  readonly #maxBytes: number;
  #used = 0;
  #waiting: (() => void)[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isFull(): boolean {
    return this.#used >= this.#maxBytes;
  }

  /** Counts bytes in, or out when negative. */
  add(bytes: number): void {
    this.#used += bytes;
    if (!this.isFull) for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Calls back once when the gate may have room. */
  onRoom(wake: () => void): void {
    this.#waiting.push(wake);
  }
}

/**
 * A stream that is read ahead of its reader: it begins at once, pauses when the gate is full, and goes on in any case
 * once somebody reads it. It can be read once.
 */
export class Prefetched {
  readonly #gate: ByteGate;
  readonly #stop = new AbortController();
  /** Blocks as far as they are filled. */
  #filled: Buffer[] = [];
  /** The block that is being filled, and how far it is. */
  #block: Buffer | null = null;
  #blockBytes = 0;
  #buffered = 0;
  #reading = false;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #wakeReader: () => void = () => {};
  #wakePump: () => void = () => {};

  constructor(stream: StreamInto, gate: ByteGate) {
    this.#gate = gate;
    void this.#pump(stream);
  }

  /**
   * Batches of chunks as they arrive; leaving the loop early closes the stream, closing it makes the loop throw.
   *
   * @param borrowed a batch is the reader's only until it asks for the next one
   */
  async *read(borrowed = false): AsyncGenerator<Buffer[]> {
    this.#reading = true;
    this.#wakePump();
    try {
      for (;;) {
        const batch = this.#take();
        if (batch.length > 0) {
          try {
            yield borrowed ? batch : batch.map((block) => Buffer.from(block));
          } finally {
            BLOCKS.give(batch);
          }
        } else if (this.#failure) throw this.#failure.error;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => this.#onReader(resolve));
      }
    } finally {
      this.close();
    }
  }

  /** Ends the stream and frees its memory. */
  close(): void {
    BLOCKS.give(this.#take());
    this.#stop.abort(new Error("nobody reads this stream any more"));
    this.#wakePump();
  }

  async #pump(stream: StreamInto): Promise<void> {
    try {
      await stream(this.#stop.signal, (chunk) => this.#put(chunk));
    } catch (error) {
      this.#failure = { error };
    }
    this.#ended = true;
    this.#wakeReader();
  }

  #put(chunk: Buffer): Promise<void> | undefined {
    if (this.#stop.signal.aborted) return undefined;
    for (let position = 0; position < chunk.length; ) {
      this.#block ??= BLOCKS.take();
      const length = chunk.copy(this.#block, this.#blockBytes, position);
      position += length;
      this.#blockBytes += length;
      if (this.#blockBytes === this.#block.length) this.#endBlock();
    }
    this.#buffered += chunk.length;
    this.#gate.add(chunk.length);
    this.#wakeReader();
    return this.#mustPause() ? this.#untilRoom() : undefined;
  }

  async #untilRoom(): Promise<void> {
    while (this.#mustPause()) await new Promise<void>((resolve) => this.#onPump(resolve));
  }

  #mustPause(): boolean {
    if (this.#stop.signal.aborted) return false;
    return this.#reading ? this.#buffered >= READING_BYTES : this.#gate.isFull;
  }

  #take(): Buffer[] {
    this.#endBlock();
    const batch = this.#filled;
    this.#filled = [];
    this.#gate.add(-this.#buffered);
    this.#buffered = 0;
    if (batch.length > 0) this.#wakePump();
    return batch;
  }

  #endBlock(): void {
    if (this.#block) this.#filled.push(this.#block.subarray(0, this.#blockBytes));
    this.#block = null;
    this.#blockBytes = 0;
  }

  #onReader(wake: () => void): void {
    this.#wakeReader = wake;
  }

  #onPump(wake: () => void): void {
    this.#wakePump = wake;
    this.#gate.onRoom(wake);
  }
}

export interface InOrderOptions {
  /** Streams open at once, the one being read included, after `served` were read to their end. */
  readonly ahead: (served: number) => number;
  /** Memory for streams that are not read yet, in bytes. */
  readonly maxBytes: number;
  /** Ends all streams, also while the reader waits for the next chunk. */
  readonly signal?: AbortSignal | undefined;
  /** A batch is the reader's only until it asks for the next one. */
  readonly borrowed?: boolean | undefined;
}

/** Reads many streams as one, the next ones ahead. Leaving the loop early closes them all. */
export async function* inOrder(
  streams: Iterable<StreamInto>,
  { ahead, maxBytes, signal, borrowed }: InOrderOptions,
): AsyncGenerator<Buffer[]> {
  const gate = new ByteGate(maxBytes);
  const source = streams[Symbol.iterator]();
  const opened: Prefetched[] = [];
  const fill = (served: number) => {
    while (opened.length < ahead(served)) {
      const next = source.next();
      if (next.done) return;
      opened.push(new Prefetched(next.value, gate));
    }
  };
  const closeAll = () => {
    for (const stream of opened) stream.close();
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", closeAll, { once: true });
  try {
    fill(0);
    for (let served = 1; opened[0]; served++) {
      yield* opened[0].read(borrowed);
      opened.shift();
      fill(served);
    }
  } finally {
    signal?.removeEventListener("abort", closeAll);
    closeAll();
  }
}
