const PACKET_BYTES = 188;
const SYNC = 0x47;
const NULL_PID = 0x1fff;
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
  if (bytes.length % PACKET_BYTES !== 0 || bytes[0] !== SYNC) return [bytes];
  const breaks = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length && bytes[at] === SYNC; at += PACKET_BYTES) {
    const pid = bytes.readUInt16BE(at + 1) & NULL_PID;
    if (pid !== NULL_PID && !breaks.has(pid)) breaks.set(pid, breakBefore(pid, bytes[at + 3] ?? 0));
  }
  return [...breaks.values(), bytes];
}

/** @param flags the fourth byte of the packet that follows */
function breakBefore(pid: number, flags: number): Buffer {
  const packet = Buffer.alloc(PACKET_BYTES, 0xff);
  const count = (flags - (flags & HAS_PAYLOAD ? 1 : 0)) & 0x0f;
  packet[0] = SYNC;
  packet.writeUInt16BE(pid, 1);
  packet[3] = HAS_ADAPTATION | count;
  // the rest is adaptation field with nothing but the discontinuity indicator
  packet[4] = PACKET_BYTES - 5;
  packet[5] = 0x80;
  return packet;
}
