/** Opens a byte stream that ends with the signal. */
export type OpenStream = (signal: AbortSignal) => AsyncIterable<Buffer>;

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
  #chunks: Buffer[] = [];
  #buffered = 0;
  #reading = false;
  #ended = false;
  #failure: { readonly error: unknown } | null = null;
  #wakeReader: () => void = () => {};
  #wakePump: () => void = () => {};

  constructor(open: OpenStream, gate: ByteGate) {
    this.#gate = gate;
    void this.#pump(open);
  }

  /** Batches of chunks as they arrive; leaving the loop early closes the stream, closing it makes the loop throw. */
  async *read(): AsyncGenerator<Buffer[]> {
    this.#reading = true;
    this.#wakePump();
    try {
      for (;;) {
        const batch = this.#take();
        if (batch.length > 0) yield batch;
        else if (this.#failure) throw this.#failure.error;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => this.#onReader(resolve));
      }
    } finally {
      this.close();
    }
  }

  /** Ends the stream and frees its memory. */
  close(): void {
    this.#take();
    this.#stop.abort(new Error("nobody reads this stream any more"));
    this.#wakePump();
  }

  async #pump(open: OpenStream): Promise<void> {
    try {
      for await (const chunk of open(this.#stop.signal)) {
        if (this.#stop.signal.aborted) break;
        this.#chunks.push(chunk);
        this.#buffered += chunk.length;
        this.#gate.add(chunk.length);
        this.#wakeReader();
        while (this.#mustPause()) await new Promise<void>((resolve) => this.#onPump(resolve));
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.#ended = true;
    this.#wakeReader();
  }

  #mustPause(): boolean {
    if (this.#stop.signal.aborted) return false;
    return this.#reading ? this.#buffered >= READING_BYTES : this.#gate.isFull;
  }

  #take(): Buffer[] {
    const batch = this.#chunks;
    this.#chunks = [];
    this.#gate.add(-this.#buffered);
    this.#buffered = 0;
    if (batch.length > 0) this.#wakePump();
    return batch;
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
}

/** Reads many streams as one, the next ones ahead. Leaving the loop early closes them all. */
export async function* inOrder(
  streams: Iterable<OpenStream>,
  { ahead, maxBytes, signal }: InOrderOptions,
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
      yield* opened[0].read();
      opened.shift();
      fill(served);
    }
  } finally {
    signal?.removeEventListener("abort", closeAll);
    closeAll();
  }
}
