/** What transmission and careless tools do to media. Every call gives the same result. */

const PACKET_BYTES = 188;

/** Overwrites bytes in the middle, like a bad disk. */
export function withDamage(bytes: Buffer, count: number): Buffer {
  const copy = Buffer.from(bytes);
  const start = Math.floor(copy.length / 2);
  let state = 7;
  for (let at = start; at < Math.min(copy.length, start + count); at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    copy[at] = state >>> 16;
  }
  return copy;
}

/** Drops one packet of a transport stream. */
export function withLostPacket(bytes: Buffer): Buffer {
  const at = Math.floor(bytes.length / PACKET_BYTES / 2) * PACKET_BYTES;
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + PACKET_BYTES)]);
}

/** Only the beginning of a file that was announced in full. */
export const withoutEnd = (bytes: Buffer, share: number): Buffer =>
  bytes.subarray(0, Math.floor(bytes.length * share));

/** The metadata box comes before the tracks: tools then count the cover as the first video stream. */
export function withCoverFirst(bytes: Buffer): Buffer {
  const boxes = (start: number, end: number) => {
    const found: { type: string; start: number; end: number }[] = [];
    for (let at = start; at < end; at = found.at(-1)?.end ?? end) {
      found.push({
        type: bytes.toString("latin1", at + 4, at + 8),
        start: at,
        end: at + bytes.readUInt32BE(at),
      });
    }
    return found;
  };
  const moov = boxes(0, bytes.length).find(({ type }) => type === "moov");
  if (!moov) throw new Error("no index");
  const order = ["mvhd", "udta", "trak"];
  const inside = boxes(moov.start + 8, moov.end).sort(
    (a, b) => order.indexOf(a.type) - order.indexOf(b.type),
  );
  return Buffer.concat([
    bytes.subarray(0, moov.start + 8),
    ...inside.map(({ start, end }) => bytes.subarray(start, end)),
    bytes.subarray(moov.end),
  ]);
}
