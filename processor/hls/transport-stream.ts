import { NULL_PID, PACKET_BYTES, SYNC_BYTE } from "../media/mpegts/packets.ts";

/** Flags of a packet's fourth byte. */
const HAS_ADAPTATION = 0x20;
const HAS_PAYLOAD = 0x10;

/**
 * Makes an MPEG transport stream segment one that may follow any other: for each elementary stream, an empty packet is
 * added that announces a discontinuity of the packet count. Without it, readers take the first packet after a gap for
 * damage. Anything but a transport stream is returned unchanged.
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
 * Adds the same packets to a segment while it is being read, each before the first packet of its stream. Batches are
 * borrowed: each is valid until the next one is requested.
 */
export async function* withBreaks(batches: AsyncIterable<readonly Buffer[]>): AsyncGenerator<Buffer[]> {
  const breaker = new Breaker();
  for await (const batch of batches) yield batch.flatMap((chunk) => breaker.pass(chunk));
  yield breaker.end();
}

/** A null packet that announces a discontinuity of all counts to readers that examine it. */
const BREAK_OF_ALL = breakBefore(NULL_PID, 0);

/** Adds only that packet to a segment, which is cheaper than examining all its packets. */
export async function* withSharedBreak(batches: AsyncIterable<Buffer[]>): AsyncGenerator<Buffer[]> {
  let isBegun = false;
  for await (const batch of batches) {
    const first = isBegun ? undefined : batch.find(({ length }) => length > 0);
    if (first) isBegun = true;
    yield first?.[0] === SYNC_BYTE ? [BREAK_OF_ALL, ...batch] : batch;
  }
}

/** Length of a packet's header. */
const HEAD_BYTES = 4;
const NONE = Buffer.alloc(0);

class Breaker {
  readonly #known = new Set([NULL_PID]);
  /** The beginning of a packet whose header is incomplete. */
  #begun: Buffer = NONE;
  /** Bytes until the next packet begins; infinite in anything but a transport stream. */
  #untilNext = 0;

  pass(chunk: Buffer): Buffer[] {
    if (this.#untilNext >= chunk.length) {
      this.#untilNext -= chunk.length;
      return [chunk];
    }
    // a few bytes, and rarely: packets seldom begin at the very end of a chunk
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
  // the rest is an adaptation field that contains only the discontinuity indicator
  packet[4] = PACKET_BYTES - 5;
  packet[5] = 0x80;
  return packet;
}
