import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyTo, firstBytes, PartMemory } from "../../processor/storage/part-memory.ts";

const MiB = 1 << 20;
const sizes = fc.integer({ min: 1, max: 3 * MiB });

describe("memory for parts", () => {
  it("is used again, whatever the sizes of the parts", () => {
    const memory = new PartMemory();
    const first = memory.take(2 * MiB + 1);
    const buffers = new Set(first.map(({ buffer }) => buffer));
    memory.give(first);
    const again = memory.take(3 * MiB);
    expect(again.every(({ buffer }) => buffers.has(buffer))).toBe(true);
    expect(buffers.has(memory.take(1)[0]?.buffer ?? new ArrayBuffer())).toBe(false);
  });

  it("is shared, so that a thread can read it", () => {
    expect(new PartMemory().take(10)[0]?.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it("has exactly as much room as was asked for, and nothing of it twice", () => {
    fc.assert(
      fc.property(fc.array(sizes, { maxLength: 8 }), (taken) => {
        const memory = new PartMemory();
        const parts = taken.map((size) => memory.take(size));
        expect(parts.map((part) => part.reduce((sum, { length }) => sum + length, 0))).toEqual(taken);
        const buffers = parts.flat().map(({ buffer }) => buffer);
        expect(new Set(buffers).size).toBe(buffers.length);
      }),
      { numRuns: 20 },
    );
  });

  it("holds what is copied into it in any pieces", () => {
    const cuts = fc.array(fc.nat({ max: 5 * MiB }), { maxLength: 6 });
    fc.assert(
      fc.property(sizes, cuts, (size, at) => {
        const whole = Buffer.alloc(size, "a pattern of 17 b");
        const part = new PartMemory().take(size);
        const edges = [0, ...at.map((cut) => cut % size).sort((a, b) => a - b), size];
        const pieces = edges.slice(1).map((end, index) => ({ start: edges[index] ?? 0, end }));
        for (const { start, end } of pieces.reverse()) copyTo(part, start, whole.subarray(start, end));
        expect(Buffer.concat(part).equals(whole)).toBe(true);
        const half = Math.ceil(size / 2);
        expect(Buffer.concat(firstBytes(part, half)).equals(whole.subarray(0, half))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("refuses more than it has room for", () => {
    expect(() => copyTo(new PartMemory().take(10), MiB - 1, Buffer.alloc(2))).toThrow(RangeError);
  });
});
