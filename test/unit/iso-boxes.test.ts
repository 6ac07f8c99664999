import { describe, expect, it } from "vitest";
import { boxesIn, isoLayout, topBoxes } from "../../processor/media/isobmff/boxes.ts";

function box(type: string, size: number, declared = size): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(declared, 0);
  bytes.write(type, 4, "latin1");
  return bytes;
}

async function layoutOf(...boxes: Buffer[]) {
  const file = Buffer.concat(boxes);
  const reads: number[] = [];
  const found = await topBoxes(file.length, async (start, length) => {
    reads.push(start);
    return file.subarray(start, start + length);
  });
  return { layout: isoLayout(found, file.length), reads };
}

describe("isoLayout", () => {
  it("recognises a file with its index in front", async () => {
    const { layout } = await layoutOf(box("ftyp", 24), box("moov", 500), box("free", 8), box("mdat", 9000));
    expect(layout).toEqual({ indexFirst: true, truncated: false });
  });

  it("recognises a file with its index at the end, reading headers only", async () => {
    const { layout, reads } = await layoutOf(box("ftyp", 24), box("mdat", 9000), box("moov", 500));
    expect(layout).toEqual({ indexFirst: false, truncated: false });
    expect(reads).toEqual([0, 24, 9024]);
  });

  it("treats a fragmented file as index first", async () => {
    const { layout } = await layoutOf(box("ftyp", 24), box("moov", 500), box("moof", 100), box("mdat", 9000));
    expect(layout).toEqual({ indexFirst: true, truncated: false });
  });

  it("detects that media bytes are missing", async () => {
    const { layout } = await layoutOf(box("ftyp", 24), box("moov", 500), box("mdat", 900, 9000));
    expect(layout).toEqual({ indexFirst: true, truncated: true });
  });

  it("detects that the index is missing", async () => {
    const { layout } = await layoutOf(box("ftyp", 24), box("mdat", 900));
    expect(layout?.truncated).toBe(true);
  });

  it("reads 64-bit sizes and boxes that run to the end", async () => {
    const large = box("mdat", 5000, 1);
    large.writeBigUInt64BE(5000n, 8);
    expect((await layoutOf(box("moov", 100), large)).layout).toEqual({ indexFirst: true, truncated: false });
    expect((await layoutOf(box("moov", 100), box("mdat", 700, 0))).layout?.truncated).toBe(false);
  });

  it("stops at a box that claims to be smaller than its own header", async () => {
    const endless = box("free", 32, 1);
    endless.writeBigUInt64BE(0n, 8);
    const { layout, reads } = await layoutOf(box("ftyp", 24), endless);
    expect(layout?.truncated).toBe(true);
    expect(reads).toEqual([0, 24]);
    const file = Buffer.concat([box("ftyp", 24), endless]);
    expect(boxesIn(file, 0, file.length)).toBeNull();
    expect(boxesIn(file, 0, 24)).toEqual([{ type: "ftyp", start: 0, end: 24 }]);
  });

  it("is not fooled by other files", async () => {
    expect((await layoutOf(Buffer.from("ID3 this is no such file at all"))).layout).toBeNull();
    expect((await layoutOf(Buffer.alloc(0))).layout).toBeNull();
    expect((await layoutOf(box("free", 8, 3))).layout).toBeNull();
  });
});
