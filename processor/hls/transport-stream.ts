import { NULL_PID, PACKET_BYTES, SYNC_BYTE } from "../media/mpegts/packets.ts";

/** Flags of a packet's fourth byte. */
const HAS_ADAPTATION = 0x20;
const HAS_PAYLOAD = 0x10;

/**
 * An MPEG transport stream segment that may follow any other: in front of it stands, for each of its elementary
 * streams, an empty packet that announces a break in the count of packets. Without it, readers take the first packet
 * after a gap for damage. Anything but a transport stream comes back as it is.
 */
export function withBreak(segment: readonly Buffer[]): Buffer[] {
  const bytes = Buffer.concat(segment);
  if (bytes.length % PACKET_BYTES !== 0 || bytes[0] !== SYNC_BYTE) return [bytes];
  const breaks = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length && bytes[at] === SYNC_BYTE; at += PACKET_BYTES) {
    const pid = bytes.readUInt16BE(at + 1) & NULL_PID;
    if (pid !== NULL_PID && !breaks.has(pid)) breaks.set(pid, breakBefore(pid, bytes[at + 3] ?? 0));
  }
  return [...breaks.values(), bytes];
}

/**
 * Puts the same into a segment while it passes, each empty packet in front of the first one that it belongs to. The
 * batches are only borrowed: what is put out is valid until the next one is asked for.
 */
export async function* withBreaks(batches: AsyncIterable<readonly Buffer[]>): AsyncGenerator<Buffer[]> {
  const breaker = new Breaker();
  for await (const batch of batches) yield batch.flatMap((chunk) => breaker.pass(chunk));
  yield breaker.end();
}

/** A packet for nobody, which announces a break of all counts to readers who look at it. */
const BREAK_OF_ALL = breakBefore(NULL_PID, 0);

/** Puts only that in front of a segment, which costs less than to look at all its packets. */
export async function* withSharedBreak(batches: AsyncIterable<Buffer[]>): AsyncGenerator<Buffer[]> {
  let isBegun = false;
  for await (const batch of batches) {
    const first = isBegun ? undefined : batch.find(({ length }) => length > 0);
    if (first) isBegun = true;
    yield first?.[0] === SYNC_BYTE ? [BREAK_OF_ALL, ...batch] : batch;
  }
}

/** Bytes of a packet that say what it is. */
const HEAD_BYTES = 4;
const NONE = Buffer.alloc(0);

class Breaker {
  readonly #known = new Set([NULL_PID]);
  /** The beginning of a packet of which it is not known yet what it is. */
  #begun: Buffer = NONE;
  /** Bytes until the next packet begins; infinite in anything but a transport stream. */
  #untilNext = 0;

  pass(chunk: Buffer): Buffer[] {
    if (this.#untilNext >= chunk.length) {
      this.#untilNext -= chunk.length;
      return [chunk];
    }
    // a few bytes in front, and rarely: packets seldom begin at the very end of a chunk
    const bytes = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    this.#begun = NONE;
    const passed: Buffer[] = [];
    let from = 0;
    let at = this.#untilNext;
    for (; at + HEAD_BYTES <= bytes.length; at += PACKET_BYTES) {
      if (bytes[at] !== SYNC_BYTE) {
        this.#untilNext = Number.POSITIVE_INFINITY;
        return [...passed, bytes.subarray(from)];
      }
      const pid = bytes.readUInt16BE(at + 1) & NULL_PID;
      if (this.#known.has(pid)) continue;
      this.#known.add(pid);
      passed.push(bytes.subarray(from, at), breakBefore(pid, bytes[at + 3] ?? 0));
      from = at;
    }
    if (at < bytes.length) this.#begun = Buffer.from(bytes.subarray(at));
    this.#untilNext = Math.max(0, at - bytes.length);
    return [...passed, bytes.subarray(from, Math.max(from, Math.min(at, bytes.length)))];
  }

  end(): Buffer[] {
    return [this.#begun];
  }
}

/** @param flags the fourth byte of the packet that follows */
function breakBefore(pid: number, flags: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES, 0xff);
  const count = (flags - (flags & HAS_PAYLOAD ? 1 : 0)) & 0x0f;
  packet[0] = SYNC_BYTE;
  packet.writeUInt16BE(pid, 1);
  packet[3] = HAS_ADAPTATION | count;
  // the rest is adaptation field with nothing but the discontinuity indicator
  packet[4] = PACKET_BYTES - 5;
  packet[5] = 0x80;
  return packet;
}
