import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withBreak, withBreaks, withSharedBreak } from "../../processor/hls/transport-stream.ts";

const PACKET_BYTES = 188;

/** A packet whose content contains bytes that look like the start of another. */
function packet(pid: number, count: number): Buffer {
  const bytes = Buffer.alloc(PACKET_BYTES, 0x47);
  bytes.writeUInt16BE(pid, 1);
  bytes[3] = 0x10 | count;
  return bytes;
}

const stream = (pids: readonly number[]): Buffer =>
  Buffer.concat(pids.map((pid, index) => packet(pid, index & 15)));

const packetsOf = (bytes: Buffer): Buffer[] =>
  Array.from({ length: bytes.length / PACKET_BYTES }, (_, at) =>
    bytes.subarray(at * PACKET_BYTES, (at + 1) * PACKET_BYTES),
  );

const isBreak = (bytes: Buffer): boolean =>
  bytes[3] !== undefined && (bytes[3] & 0x30) === 0x20 && bytes[5] === 0x80;
const pidOf = (bytes: Buffer): number => bytes.readUInt16BE(1) & 0x1fff;

type Through = (batches: AsyncIterable<Buffer[]>) => AsyncIterable<Buffer[]>;

/** The output when the bytes come in pieces of these sizes, two at a time. */
async function passed(through: Through, bytes: Buffer, sizes: readonly number[]): Promise<Buffer> {
  async function* batches() {
    for (let at = 0, index = 0; at < bytes.length; index++) {
      const size = sizes[index % sizes.length] ?? 1;
      yield [bytes.subarray(at, at + size), bytes.subarray(at + size, at + 2 * size)];
      at += 2 * size;
    }
  }
  const chunks: Buffer[] = [];
  for await (const batch of through(batches())) chunks.push(...batch);
  return Buffer.concat(chunks);
}

const SIZES = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 5 });
const PIDS = fc.array(fc.constantFrom(0, 0x100, 0x101, 0x1000, 0x1fff), { minLength: 1, maxLength: 20 });

describe("a segment of a transport stream", () => {
  it("gets a break before the first packet of each stream, in whatever pieces it arrives", async () => {
    await fc.assert(
      fc.asyncProperty(PIDS, SIZES, async (pids, sizes) => {
        const segment = stream(pids);
        const packets = packetsOf(await passed(withBreaks, segment, sizes));
        expect(Buffer.concat(packets.filter((one) => !isBreak(one)))).toEqual(segment);
        const broken = packets.flatMap((one, at) => (isBreak(one) ? [[pidOf(one), packets[at + 1]]] : []));
        const firsts = [...new Set(pids)].filter((pid) => pid !== 0x1fff);
        expect(broken).toEqual(firsts.map((pid) => [pid, packet(pid, pids.indexOf(pid) & 15)]));
      }),
    );
  });

  it("gets the same breaks when it arrives whole, all at the start", async () => {
    const segment = stream([0, 0x100, 0x100, 0x101]);
    const there = packetsOf(await passed(withBreaks, segment, [1000])).filter(isBreak);
    expect(Buffer.concat(withBreak([segment]))).toEqual(Buffer.concat([...there, segment]));
  });

  it("gets one break for all streams", async () => {
    const segment = stream([0, 0x100]);
    const [first, ...others] = packetsOf(await passed(withSharedBreak, segment, [100]));
    expect([first && isBreak(first), first && pidOf(first)]).toEqual([true, 0x1fff]);
    expect(Buffer.concat(others)).toEqual(segment);
  });

  it.each([
    ["withBreaks", withBreaks],
    ["withSharedBreak", withSharedBreak],
  ] as const)("is left as it is when it is something else: %s", async (_, through) => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), SIZES, async (bytes, sizes) => {
        const other = Buffer.from(bytes);
        other[0] = 0;
        expect(await passed(through, other, sizes)).toEqual(other);
      }),
    );
  });
});
