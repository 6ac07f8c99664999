import { toHex } from "../../schema/bytes.ts";

/** Creates ids; each call returns a new one. */
export type MakeId = () => string;

interface UuidSources {
  /** Epoch milliseconds. */
  readonly clock: () => number;
  /** Returns random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/** The counter is 12 bits wide and starts in its lower half, which leaves room to count up within a millisecond. */
const COUNTER_START = 0x7ff;
const COUNTER_END = 0x1000;

/**
 * UUIDs of version 7 whose order is the order of creation within one isolate, also within one millisecond and
 * when the clock goes back (RFC 9562, fixed-length counter).
 *
 * @example createUuidV7({ clock: Date.now, random })() // "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"
 */
export function createUuidV7({ clock, random }: UuidSources): MakeId {
  let time = 0;
  let counter = 0;
  return () => {
    const bytes = random(10);
    const now = clock();
    if (now > time) {
      time = now;
      counter = (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) & COUNTER_START;
    } else {
      counter += 1;
      if (counter === COUNTER_END) {
        time += 1;
        counter = 0;
      }
    }
    const milliseconds = hex(time, 12);
    const tail = bytes.slice(2);
    tail[0] = ((tail[0] ?? 0) & 0x3f) | 0x80;
    const random64 = toHex(tail);
    return [
      milliseconds.slice(0, 8),
      milliseconds.slice(8),
      `7${hex(counter, 3)}`,
      random64.slice(0, 4),
      random64.slice(4),
    ].join("-");
  };
}

/**
 * The lowest UUID of version 7 for a point in time: everything created earlier has a lower id.
 *
 * @param time epoch milliseconds
 * @example firstUuidOf(0) // "00000000-0000-7000-8000-000000000000"
 */
export function firstUuidOf(time: number): string {
  const milliseconds = hex(Math.max(0, time), 12);
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-7000-8000-000000000000`;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");

/** Whether a text is a UUID in lower case. */
export const isUuid = (text: string): boolean =>
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
