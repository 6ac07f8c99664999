import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCKS, copyTo, firstBytes, roomAt } from "../../processor/blocks.ts";

const MiB = 1 << 20;
const sizes = fc.integer({ min: 1, max: 3 * MiB });
const placesOf = (room: readonly Buffer[]) => room.map(({ buffer, byteOffset }) => ({ buffer, byteOffset }));

describe("memory blocks", () => {
  it("are reused, whatever sizes are requested", () => {
    const room = BLOCKS.takeRoom(2 * MiB + 1);
    const places = placesOf(room);
    BLOCKS.give(room.map((block) => block.subarray(1)));
    const again = BLOCKS.takeRoom(2 * MiB + 1);
    expect(places).toEqual(expect.arrayContaining(placesOf(again)));
    BLOCKS.give(again);
  });

  it("are shared, so that a thread can read them", () => {
    const block = BLOCKS.take();
    expect(block.buffer).toBeInstanceOf(SharedArrayBuffer);
    BLOCKS.give([block]);
  });

  it("give exactly as much room as requested, and no part of it twice", () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 8 }), (taken) => {
        const rooms = taken.map((size) => BLOCKS.takeRoom(size));
        expect(rooms.map((room) => room.reduce((sum, { length }) => sum + length, 0))).toEqual(taken);
        rooms.forEach((room, index) => {
          for (const block of room) block.fill(index);
        });
        expect(
          rooms.every((room, index) => room.every((block) => block.every((byte) => byte === index))),
        ).toBe(true);
        for (const room of rooms) BLOCKS.give(room);
      }),
      { numRuns: 20 },
    );
  });

  it("hold what is copied into them in any pieces", () => {
    const cuts = fc.array(fc.nat({ max: 5 * MiB }), { maxLength: 6 });
    fc.assert(
      fc.property(sizes, cuts, (size, at) => {
        const whole = Buffer.alloc(size, "a pattern of 17 b");
        const room = BLOCKS.takeRoom(size);
        const edges = [0, ...at.map((cut) => cut % size).sort((a, b) => a - b), size];
        const pieces = edges.slice(1).map((end, index) => ({ start: edges[index] ?? 0, end }));
        for (const { start, end } of pieces.reverse()) copyTo(room, start, whole.subarray(start, end));
        expect(Buffer.concat(room).equals(whole)).toBe(true);
        const half = Math.ceil(size / 2);
        expect(Buffer.concat(firstBytes(room, half)).equals(whole.subarray(0, half))).toBe(true);
        BLOCKS.give(room);
      }),
      { numRuns: 20 },
    );
  });

  it("keep what was read into them where it is", () => {
    const room = BLOCKS.takeRoom(MiB);
    const target = roomAt(room, 300_000, 301_000);
    expect(target.length).toBe(1_000);
    target.fill("x");
    const untouched = Buffer.from(target);
    copyTo(room, 300_000, target);
    expect(target.equals(untouched)).toBe(true);
    copyTo(room, 10, target);
    expect(Buffer.concat(room).subarray(10, 1_010).equals(untouched)).toBe(true);
    BLOCKS.give(room);
  });

  it("return later if a connection may still write to them", async () => {
    const room = BLOCKS.takeRoom(1);
    BLOCKS.giveLater(room);
    const other = BLOCKS.takeRoom(1);
    expect(placesOf(other)).not.toEqual(placesOf(room));
    await turn();
    const again = BLOCKS.takeRoom(1);
    expect(placesOf(again)).toEqual(placesOf(room));
    BLOCKS.give([...other, ...again]);
  });

  it("refuse more than fits", () => {
    expect(() => roomAt(BLOCKS.takeRoom(10), 10)).toThrow(RangeError);
    expect(() => copyTo(BLOCKS.takeRoom(10), 9, Buffer.alloc(2))).toThrow(RangeError);
  });
});
