import { BLOCKS } from "../blocks.ts";
import type { ChunkSink } from "./source-read.ts";

/** Reads a byte stream to its end, or until the signal. */
export type StreamInto = (signal: AbortSignal, onChunk: ChunkSink) => Promise<void>;

/** Maximum buffered bytes of the stream that is being read. */
const READING_BYTES = 4 << 20;

/** Limits the memory of all streams that are not being read yet. */
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

  /** Adds to the count of bytes; negative numbers subtract. */
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
 * A stream that is read ahead: it begins at once, pauses when the gate is full, and continues in any case once it is
 * being read. It can be read once.
 */
export class Prefetched {
  readonly #gate: ByteGate;
  readonly #stop = new AbortController();
  /** Filled blocks. */
  #filled: Buffer[] = [];
  /** The block that is being filled, and its fill level. */
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
   * Yields batches of chunks as they arrive. Leaving the loop early closes the stream; closing it makes the loop throw.
   *
   * @param borrowed a batch is only valid until the reader asks for the next one
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

  /** Closes the stream and frees its memory. */
  close(): void {
    BLOCKS.give(this.#take());
    this.#stop.abort(new Error("the stream was closed by its reader"));
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
  /** Number of concurrent streams, including the one being read, after `served` were read completely. */
  readonly ahead: (served: number) => number;
  /** Resolves when `ahead` has grown although nothing more was read; asked again after that. */
  readonly growth?: (() => Promise<void>) | undefined;
  /** Memory for streams that are not being read yet, in bytes. */
  readonly maxBytes: number;
  /** Aborts all streams, even while the reader waits for the next chunk. */
  readonly signal?: AbortSignal | undefined;
  /** A batch is only valid until the reader asks for the next one. */
  readonly borrowed?: boolean | undefined;
}

/** Reads many streams as one, and the next ones ahead. Leaving the loop early closes all of them. */
export async function* inOrder(
  streams: Iterable<StreamInto>,
  { ahead, growth, maxBytes, signal, borrowed }: InOrderOptions,
): AsyncGenerator<Buffer[]> {
  const gate = new ByteGate(maxBytes);
  const source = streams[Symbol.iterator]();
  const opened: Prefetched[] = [];
  let served = 0;
  let hasEnded = false;
  const fill = () => {
    while (!hasEnded && opened.length < ahead(served)) {
      const next = source.next();
      if (next.done) return;
      opened.push(new Prefetched(next.value, gate));
    }
  };
  const fillWhenGrown = (): void => {
    void growth?.().then(() => {
      fill();
      if (!hasEnded) fillWhenGrown();
    });
  };
  const closeAll = () => {
    hasEnded = true;
    for (const stream of opened) stream.close();
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", closeAll, { once: true });
  try {
    fill();
    fillWhenGrown();
    while (opened[0]) {
      yield* opened[0].read(borrowed);
      opened.shift();
      served += 1;
      fill();
    }
  } finally {
    signal?.removeEventListener("abort", closeAll);
    closeAll();
  }
}
