/** Seeded damage: the same seed and number always produce the same input. */

/** Numbers in [0, 1) that a seed determines. */
export type Random = () => number;

/** A generator with 32 bits of state (mulberry32), a separate one for each input. */
export function randomOf(seed: number, index: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const below = (random: Random, limit: number): number => Math.floor(random() * limit);

export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[below(random, values.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

/** Numbers at which counts, sizes and offsets go wrong. */
const NUMBERS = [
  0, 1, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
];
const TEXT_NUMBERS = [
  "0",
  "-1",
  "1e999",
  "NaN",
  "4294967296",
  "9007199254740993",
  "9".repeat(400),
  "0.0000001",
];
const MAX_BYTES = 2 << 20;
const MAX_REPEATED_BYTES = 256 << 10;

type Damage = (random: Random, bytes: Buffer, words: readonly string[], others: readonly Buffer[]) => Buffer;

const replaced = (bytes: Buffer, start: number, end: number, by: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, start), by, bytes.subarray(end)]);

function slice(random: Random, bytes: Buffer): [number, number] {
  const start = below(random, bytes.length);
  return [start, Math.min(bytes.length, start + 1 + below(random, random() < 0.5 ? 16 : 4096))];
}

const DAMAGES: readonly Damage[] = [
  // a bit, a byte, a number
  (random, bytes) => {
    const copy = Buffer.from(bytes);
    const at = below(random, copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
    return copy;
  },
  (random, bytes) => {
    const copy = Buffer.from(bytes);
    copy[below(random, copy.length)] = below(random, 256);
    return copy;
  },
  (random, bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 4) copy.writeUInt32BE(pick(random, NUMBERS), below(random, copy.length - 3));
    return copy;
  },
  // less, more, elsewhere
  (random, bytes) => replaced(bytes, ...slice(random, bytes), Buffer.alloc(0)),
  (random, bytes) => bytes.subarray(0, below(random, bytes.length)),
  (random, bytes) => {
    const [start, end] = slice(random, bytes);
    return replaced(bytes, start, start, bytes.subarray(start, end));
  },
  (random, bytes, _words, others) => {
    const other = pick(random, others);
    return replaced(bytes, ...slice(random, bytes), other.subarray(...slice(random, other)));
  },
  // words of the format, once or very often
  (random, bytes, words) => {
    const at = below(random, bytes.length);
    return replaced(bytes, at, at, Buffer.from(pick(random, words), "latin1"));
  },
  (random, bytes, words) => {
    const word = Buffer.from(pick(random, words), "latin1");
    const at = below(random, bytes.length);
    const times = 1 + below(random, random() < 0.8 ? 64 : MAX_REPEATED_BYTES / word.length);
    return replaced(bytes, at, at, Buffer.alloc(word.length * times, word));
  },
  (random, bytes) => {
    const text = bytes.toString("latin1");
    const numbers = [...text.slice(0, 65_536).matchAll(/\d{1,20}/g)];
    if (numbers.length === 0) return bytes;
    const { index, 0: digits } = pick(random, numbers);
    return replaced(bytes, index, index + digits.length, Buffer.from(pick(random, TEXT_NUMBERS)));
  },
];

/**
 * One of the originals with one to eight mutations.
 *
 * @param words keywords of the format, as they are inserted
 */
export function mutated(random: Random, originals: readonly Buffer[], words: readonly string[]): Buffer {
  let bytes = pick(random, originals);
  for (let left = 1 + below(random, 8); left > 0; left--) {
    if (bytes.length === 0) return bytes;
    bytes = pick(random, DAMAGES)(random, bytes, words, originals);
    if (bytes.length > MAX_BYTES) bytes = bytes.subarray(0, MAX_BYTES);
  }
  return bytes;
}
