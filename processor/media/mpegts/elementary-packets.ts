import { UnsupportedMediaError } from "../isobmff/box-view.ts";

/** Packets of elementary streams, and their timestamps. */

/** Units of all timestamps per second. */
export const CLOCK_RATE = 90_000;
/** Timestamps wrap around after this many units: 26 hours. */
const WRAP = 2 ** 33;

export interface ElementaryPacket {
  /** When the first thing that begins in it is shown and decoded; null if that follows from what comes before. */
  readonly times: { readonly shown: number; readonly decoded: number } | null;
  readonly payload: Buffer;
}

/** Reads timestamps that wrap around as continuous ones. */
export class Clock {
  #last: number | null = null;

  /** @param time of 33 bits */
  read(time: number): number {
    const last = this.#last ?? time;
    const wraps = Math.round((last - time) / WRAP);
    this.#last = time + wraps * WRAP;
    return this.#last;
  }
}

/** @throws UnsupportedMediaError if no packet begins or bytes are missing; RangeError */
export function readElementaryPacket(unit: Buffer, clock: Clock): ElementaryPacket {
  if (unit.readUIntBE(0, 3) !== 1 || (unit.readUInt8(6) & 0xc0) !== 0x80) {
    throw new UnsupportedMediaError("no elementary packet where one must begin");
  }
  const announced = unit.readUInt16BE(4);
  const end = announced === 0 ? unit.length : 6 + announced;
  const start = 9 + unit.readUInt8(8);
  if (end > unit.length || start > end) throw new UnsupportedMediaError("a packet that ends early");
  return { times: readTimes(unit, clock), payload: unit.subarray(start, end) };
}

function readTimes(unit: Buffer, clock: Clock): ElementaryPacket["times"] {
  const declared = unit.readUInt8(7) >> 6;
  if (declared < 2) return null;
  const shown = clock.read(timeAt(unit, 9));
  return { shown, decoded: declared === 3 ? clock.read(timeAt(unit, 14)) : shown };
}

/** 33 bits in three pieces, each followed by a marker bit. */
const timeAt = (unit: Buffer, at: number): number =>
  ((unit.readUInt8(at) >> 1) & 7) * 2 ** 30 +
  (unit.readUInt16BE(at + 1) >> 1) * 2 ** 15 +
  (unit.readUInt16BE(at + 3) >> 1);
