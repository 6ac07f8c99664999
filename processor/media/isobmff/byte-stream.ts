/** The source ended before bytes that it announced. */
export class EndedEarlyError extends Error {
  constructor(position: number) {
    super(`the stream ended after ${position} bytes, inside of what it announced`);
  }
}

const NOTHING = Buffer.alloc(0);

/**
 * Bytes that can only be read forward.
 *
 * @example
 * const head = await stream.read(8);
 * await stream.streamTo(bytes, (chunk) => file.write(chunk));
 */
export class ByteStream {
  /** Bytes that were read so far. */
  position = 0;
  readonly #batches: AsyncIterator<readonly Buffer[]>;
  /** Chunks that have arrived, the first one cut to what is left of it. */
  #arrived: Buffer[] = [];

  /** @param batches each is only used until the next one is requested */
  constructor(batches: AsyncIterable<readonly Buffer[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  /** True at the end of the stream; waits for a byte. */
  async hasEnded(): Promise<boolean> {
    while (this.#arrived.length === 0) {
      const { done, value } = await this.#batches.next();
      if (done) return true;
      this.#arrived = value.filter((chunk) => chunk.length > 0);
    }
    return false;
  }

  /** The next byte, without reading it; null at the end. */
  async peek(): Promise<number | null> {
    return (await this.hasEnded()) ? null : (this.#arrived[0]?.[0] ?? null);
  }

  /** Everything that comes, as it arrives; a chunk is only borrowed until the next one is requested. */
  async *rest(): AsyncGenerator<Buffer> {
    while (!(await this.hasEnded())) {
      const chunk = this.#arrived.shift();
      if (!chunk) continue;
      this.position += chunk.length;
      yield chunk;
    }
  }

  /**
   * A copy of the next bytes.
   *
   * @param front what comes before them in that copy
   */
  async read(bytes: number, front: Buffer = NOTHING): Promise<Buffer> {
    const whole = Buffer.allocUnsafeSlow(front.length + bytes);
    let position = front.copy(whole);
    await this.streamTo(bytes, (chunk) => {
      position += chunk.copy(whole, position);
    });
    return whole;
  }

  /** Skips this many bytes. */
  async skip(bytes: number): Promise<void> {
    await this.streamTo(bytes, () => {});
  }

  /**
   * Passes on the next bytes as they arrive; a chunk is only borrowed until `onChunk` is done with it.
   *
   * @throws EndedEarlyError
   */
  async streamTo(bytes: number, onChunk: (chunk: Buffer) => Promise<void> | void): Promise<void> {
    for (let left = bytes; left > 0; ) {
      const [first] = this.#arrived;
      if (!first) {
        if (await this.hasEnded()) throw new EndedEarlyError(this.position);
        continue;
      }
      const chunk = first.subarray(0, left);
      const taken = onChunk(chunk);
      if (taken) await taken;
      left -= chunk.length;
      this.position += chunk.length;
      if (chunk.length === first.length) this.#arrived.shift();
      else this.#arrived[0] = first.subarray(chunk.length);
    }
  }

  /** Drops what was not read. A read in progress must be ended by whatever created the source. Never throws. */
  async close(): Promise<void> {
    this.#arrived = [];
    await Promise.resolve(this.#batches.return?.()).catch(() => {});
  }
}
