/** Transport streams that no available packager can produce. */

const PACKET_BYTES = 188;
const PAYLOAD_BYTES = PACKET_BYTES - 4;
const TABLE_PID = 0x1000;

export interface StreamToWrite {
  readonly pid: number;
  /** Stream types as ISO 13818-1 numbers them. */
  readonly type: number;
  /** First byte of each packet. */
  readonly streamId: number;
}

export interface PacketToWrite {
  readonly pid: number;
  /** In units of 1/90,000 s; null: not stated. */
  readonly shown: number | null;
  readonly payload: Buffer;
}

/** One program with these streams and their packets in this order. @param programs more make it unsupported */
export function transportStream(
  streams: readonly StreamToWrite[],
  packets: readonly PacketToWrite[],
  programs = 1,
): Buffer {
  const counters = new Map<number, number>();
  const write = (pid: number, unit: Buffer) => packetsOf(pid, unit, counters);
  const named = Array.from({ length: programs }, (_, index) =>
    uint16(index + 1, 0xe000 | (TABLE_PID + index)),
  );
  const entries = streams.map(({ pid, type }) =>
    Buffer.concat([Buffer.of(type), uint16(0xe000 | pid, 0xf000)]),
  );
  const program = Buffer.concat([uint16(0xe000 | (streams[0]?.pid ?? 0), 0xf000), ...entries]);
  return Buffer.concat([
    ...write(0, table(0, Buffer.concat(named))),
    ...write(TABLE_PID, table(2, program)),
    ...packets.flatMap((packet) => {
      const { streamId = 0 } = streams.find(({ pid }) => pid === packet.pid) ?? {};
      return write(packet.pid, elementary(streamId, packet));
    }),
  ]);
}

/** The packets of elementary streams in a transport stream, as far as they have timestamps. */
export function readPackets(stream: Buffer, pids: readonly number[]): PacketToWrite[] {
  const units: { pid: number; pieces: Buffer[] }[] = [];
  for (let at = 0; at < stream.length; at += PACKET_BYTES) {
    const pid = stream.readUInt16BE(at + 1) & 0x1fff;
    if (!pids.includes(pid)) continue;
    const fields = (stream[at + 3] ?? 0) & 0x20 ? 1 + (stream[at + 4] ?? 0) : 0;
    const piece = stream.subarray(at + 4 + fields, at + PACKET_BYTES);
    if ((stream.readUInt16BE(at + 1) & 0x4000) !== 0) units.push({ pid, pieces: [piece] });
    else units.findLast((unit) => unit.pid === pid)?.pieces.push(piece);
  }
  return units.map(({ pid, pieces }) => {
    const unit = Buffer.concat(pieces);
    const shown =
      ((unit[9] ?? 0) & 0xe) * 2 ** 29 +
      (unit.readUInt16BE(10) >> 1) * 2 ** 15 +
      (unit.readUInt16BE(12) >> 1);
    return { pid, shown, payload: unit.subarray(9 + (unit[8] ?? 0)) };
  });
}

function elementary(streamId: number, { payload, shown }: PacketToWrite): Buffer {
  const time =
    shown === null
      ? Buffer.of(0x80, 0, 0)
      : Buffer.of(
          0x80,
          0x80,
          5,
          0x21 | ((shown / 2 ** 29) & 0xe),
          ...time15(shown / 2 ** 15),
          ...time15(shown),
        );
  const bytes = time.length + payload.length;
  return Buffer.concat([Buffer.of(0, 0, 1, streamId), uint16(bytes > 0xffff ? 0 : bytes), time, payload]);
}

const time15 = (value: number): Buffer => uint16(((Math.floor(value) & 0x7fff) << 1) | 1);

/** After its pointer. The tool checks the checksum at its end first. */
function table(type: number, content: Buffer): Buffer {
  const head = Buffer.concat([
    Buffer.of(type),
    uint16(0xb000 | (content.length + 9), 1),
    Buffer.of(0xc1, 0, 0),
  ]);
  const body = Buffer.concat([head, content]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([Buffer.of(0), body, sum]);
}

/** The CRC of MPEG, which begins with ones and has the high bit first. */
function crc32(bytes: Buffer): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) sum = sum & 0x80000000 ? (sum << 1) ^ 0x04c11db7 : sum << 1;
  }
  return sum >>> 0;
}

function packetsOf(pid: number, unit: Buffer, counters: Map<number, number>): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < unit.length; at += PAYLOAD_BYTES) {
    const payload = unit.subarray(at, at + PAYLOAD_BYTES);
    const counter = counters.get(pid) ?? 0;
    counters.set(pid, (counter + 1) % 16);
    const room = PAYLOAD_BYTES - payload.length;
    const isFirst = at === 0 ? 0x4000 : 0;
    const head = Buffer.concat([
      Buffer.of(0x47),
      uint16(isFirst | pid),
      Buffer.of((room > 0 ? 0x30 : 0x10) | counter),
    ]);
    // a field that pads the packet: its length, its flags, and nothing else
    const filling = Buffer.alloc(room, 0xff);
    if (room > 0) filling[0] = room - 1;
    if (room > 1) filling[1] = 0;
    packets.push(Buffer.concat([head, filling, payload]));
  }
  return packets;
}

function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
