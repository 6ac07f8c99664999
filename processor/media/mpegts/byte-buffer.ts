/** A buffer that grows at its end, in reused memory. */
export class ByteBuffer {
  length = 0;
  #memory: Buffer;

  /** @param capacity initial size, in bytes */
  constructor(capacity: number) {
    this.#memory = Buffer.allocUnsafeSlow(capacity);
  }

  /** Its content; valid until the next change. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
  }

  append(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start);
    source.copy(this.#memory, this.length, start, end);
    this.length += end - start;
  }

  appendUInt32(value: number): void {
    this.#reserve(4);
    this.#memory.writeUInt32BE(value, this.length);
    this.length += 4;
  }

  /** Removes bytes from the front. */
  drop(bytes: number): void {
    this.#memory.copyWithin(0, bytes, this.length);
    this.length -= bytes;
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#memory.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#memory.length * 2, this.length + bytes));
    this.#memory.copy(larger, 0, 0, this.length);
    this.#memory = larger;
  }
}
