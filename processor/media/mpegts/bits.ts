/**
 * Bits of a parameter set, first ones first. Reads beyond the end give zeros, so the caller must check {@link overrun}.
 */
export class Bits {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True when more was read than there is. */
  get overrun(): boolean {
    return this.#position > this.#bytes.length * 8;
  }

  /** A number of up to 32 bits. */
  read(bits: number): number {
    let value = 0;
    for (let count = 0; count < bits; count++, this.#position++) {
      const byte = this.#bytes[this.#position >> 3] ?? 0;
      value = value * 2 + ((byte >> (7 - (this.#position & 7))) & 1);
    }
    return value;
  }

  flag(): boolean {
    return this.read(1) === 1;
  }

  /** A number in Exp-Golomb code. */
  unsigned(): number {
    let zeros = 0;
    while (!this.overrun && zeros < 32 && !this.flag()) zeros++;
    return 2 ** zeros - 1 + this.read(zeros);
  }

  /** The same with a sign. */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}
