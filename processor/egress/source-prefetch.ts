import { type FilledBytes, FillingBlock } from "./filling-block.ts";
import type { ByteReceiver } from "./source-read.ts";

/** Reads a byte stream to its end, or until the signal. */
export type StreamInto = (signal: AbortSignal, receiver: ByteReceiver) => Promise<void>;

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
  /** Of blocks that are full. */
  #filled: FilledBytes[] = [];
  /** The block that is being filled. */
  #block: FillingBlock | null = null;
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
            yield batch.map(({ bytes }) => (borrowed ? bytes : Buffer.from(bytes)));
          } finally {
            for (const { block } of batch) block.release();
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
    for (const { block } of this.#take()) block.release();
    this.#stop.abort(new Error("the stream was closed by its reader"));
    this.#block?.releaseLater();
    this.#block = null;
    this.#wakePump();
  }

  async #pump(stream: StreamInto): Promise<void> {
    try {
      await stream(this.#stop.signal, { put: (chunk) => this.#put(chunk), room: () => this.#room() });
    } catch (error) {
      this.#failure = { error };
    }
    this.#ended = true;
    this.#wakeReader();
  }

  #room(): Buffer | null {
    if (this.#stop.signal.aborted) return null;
    this.#block ??= new FillingBlock();
    return this.#block.room;
  }

  #put(chunk: Buffer): Promise<void> | undefined {
    if (this.#stop.signal.aborted) return undefined;
    for (let position = 0; position < chunk.length; ) {
      this.#block ??= new FillingBlock();
      position += this.#block.put(position === 0 ? chunk : chunk.subarray(position));
      if (this.#block.isFull) this.#endBlock();
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

  #take(): FilledBytes[] {
    const batch = [...this.#filled, ...(this.#block?.take() ?? [])];
    this.#filled = [];
    this.#gate.add(-this.#buffered);
    this.#buffered = 0;
    if (batch.length > 0) this.#wakePump();
    return batch;
  }

  #endBlock(): void {
    this.#filled.push(...(this.#block?.take() ?? []));
    this.#block?.release();
    this.#block = null;
  }

  #onReader(wake: () => void): void {
    this.#wakeReader = wake;
  }

  #onPump(wake: () => void): void {
    this.#wakePump = wake;
    this.#gate.onRoom(wake);
  }
}

/**
 * The first bytes of a stream in one piece: at least as many as asked for, if it has them. The rest is not read.
 */
export async function beginningOf(batches: AsyncIterable<readonly Buffer[]>, bytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const batch of batches) {
    chunks.push(...batch);
    length += batch.reduce((sum, chunk) => sum + chunk.length, 0);
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks);
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
