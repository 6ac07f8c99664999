import { CLOCK_RATE, Clock } from "./elementary-packets.ts";
import { NULL_PID, PACKET_BYTES, SYNC_BYTE } from "./packets.ts";

/** When the packets of one stream are decoded and shown, in units of the clock. */
export interface StreamTimes {
  readonly firstDecoded: number;
  lastDecoded: number;
  firstShown: number;
  lastShown: number;
  count: number;
}

/** By the packet id of the stream. */
export type TransportTimes = ReadonlyMap<number, StreamTimes>;

/** Where the timestamps of one elementary packet are in a transport packet. */
interface TimeFields {
  readonly pid: number;
  readonly shownAt: number;
  /** Null if it is decoded when it is shown. */
  readonly decodedAt: number | null;
}

/** Adds the timestamps of whole transport packets to those of the packets before. */
export class TimeScan {
  readonly times = new Map<number, StreamTimes>();
  readonly #clocks = new Map<number, Clock>();

  add(packets: Buffer): void {
    for (const { decodedAt, pid, shownAt } of timeFields(packets)) {
      let clock = this.#clocks.get(pid);
      if (!clock) {
        clock = new Clock();
        this.#clocks.set(pid, clock);
      }
      const shown = clock.read(timeAt(packets, shownAt));
      const decoded = decodedAt === null ? shown : clock.read(timeAt(packets, decodedAt));
      const known = this.times.get(pid);
      if (known) {
        known.lastDecoded = Math.max(known.lastDecoded, decoded);
        known.firstShown = Math.min(known.firstShown, shown);
        known.lastShown = Math.max(known.lastShown, shown);
        known.count++;
      } else {
        const firstAndLast = { firstDecoded: decoded, lastDecoded: decoded };
        this.times.set(pid, { ...firstAndLast, firstShown: shown, lastShown: shown, count: 1 });
      }
    }
  }
}

/** All streams begin within this many bytes. */
const OPENING_BYTES = 1 << 20;

/**
 * When the first thing of a transport stream is shown, in seconds; null if its first bytes do not say so. Batches may
 * be borrowed.
 */
export async function firstShown(batches: AsyncIterable<readonly Buffer[]>): Promise<number | null> {
  const scan = new TimeScan();
  let left: Buffer = Buffer.alloc(0);
  let bytes = 0;
  for await (const batch of batches) {
    const all = Buffer.concat([left, ...batch]);
    const whole = all.length - (all.length % PACKET_BYTES);
    left = all.subarray(whole);
    scan.add(all.subarray(0, whole));
    bytes += whole;
    if (bytes >= OPENING_BYTES || (whole > 0 && all[0] !== SYNC_BYTE)) break;
  }
  const shown = [...scan.times.values()].map((stream) => stream.firstShown);
  return shown.length === 0 ? null : secondsOf(Math.min(...shown));
}

/** How long one packet of a stream lasts, on average. */
const packetUnits = ({ count, firstShown, lastShown }: StreamTimes): number =>
  count < 2 ? 0 : (lastShown - firstShown) / (count - 1);

/** When all streams have ended. */
const endOf = (times: TransportTimes): number =>
  Math.max(...[...times.values()].map((stream) => stream.lastShown + packetUnits(stream)));

/**
 * How far the timestamps of a transport stream must be moved so that it follows another one without a break: what is
 * shown begins where the other one ends, and no packet is decoded before one that precedes it.
 */
export function shiftBehind(before: TransportTimes, next: TransportTimes): number {
  if (before.size === 0 || next.size === 0) return 0;
  const begins = Math.min(...[...next.values()].map(({ firstShown }) => firstShown));
  const shifts = [endOf(before) - begins];
  for (const [pid, { firstDecoded }] of next) {
    const other = before.get(pid);
    if (other) shifts.push(other.lastDecoded + Math.max(1, packetUnits(other) / 2) - firstDecoded);
  }
  return Math.ceil(Math.max(...shifts));
}

/** Moves all timestamps of whole transport packets, in place. */
export function shiftTimes(packets: Buffer, units: number): void {
  for (const { decodedAt, shownAt } of timeFields(packets)) {
    writeTime(packets, shownAt, timeAt(packets, shownAt) + units);
    if (decodedAt !== null) writeTime(packets, decodedAt, timeAt(packets, decodedAt) + units);
  }
}

export const secondsOf = (units: number): number => units / CLOCK_RATE;

function* timeFields(packets: Buffer): Generator<TimeFields> {
  for (let at = 0; at + PACKET_BYTES <= packets.length; at += PACKET_BYTES) {
    if (packets[at] !== SYNC_BYTE) continue;
    const head = packets.readUInt16BE(at + 1);
    const pid = head & NULL_PID;
    const flags = packets.readUInt8(at + 3);
    // nothing begins in it, or it has no payload
    if ((head & 0x4000) === 0 || (flags & 0x10) === 0) continue;
    const payload = at + 4 + ((flags & 0x20) === 0 ? 0 : 1 + packets.readUInt8(at + 4));
    const room = at + PACKET_BYTES - payload;
    if (room < 14 || packets.readUIntBE(payload, 3) !== 1) continue;
    const declared = packets.readUInt8(payload + 7) >> 6;
    if (declared < 2 || (declared === 3 && room < 19)) continue;
    if ((packets.readUInt8(payload + 6) & 0xc0) !== 0x80) continue;
    yield { pid, shownAt: payload + 9, decodedAt: declared === 3 ? payload + 14 : null };
  }
}

/** 33 bits in three pieces, each followed by a marker bit. */
const timeAt = (bytes: Buffer, at: number): number =>
  ((bytes.readUInt8(at) >> 1) & 7) * 2 ** 30 +
  (bytes.readUInt16BE(at + 1) >> 1) * 2 ** 15 +
  (bytes.readUInt16BE(at + 3) >> 1);

function writeTime(bytes: Buffer, at: number, time: number): void {
  const wrapped = ((time % 2 ** 33) + 2 ** 33) % 2 ** 33;
  const high = Math.floor(wrapped / 2 ** 30);
  const low = wrapped % 2 ** 30;
  bytes.writeUInt8((bytes.readUInt8(at) & 0xf0) | (high << 1) | 1, at);
  bytes.writeUInt16BE((Math.floor(low / 2 ** 15) << 1) | 1, at + 1);
  bytes.writeUInt16BE(((low % 2 ** 15) << 1) | 1, at + 3);
}
