import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BLOCKS } from "../../processor/blocks.ts";
import { FillingBlock } from "../../processor/egress/filling-block.ts";

/** The block that the pool gives next; it is put back at once. */
function next() {
  const block = BLOCKS.take();
  BLOCKS.give([block]);
  return { buffer: block.buffer, byteOffset: block.byteOffset };
}

const placeOf = ({ buffer, byteOffset }: Buffer) => ({ buffer, byteOffset });

describe("a block that is filled while it is read", () => {
  it("hands over each byte once, whether it was read in place or copied", () => {
    const pieces = fc.array(
      fc.record({ length: fc.integer({ min: 1, max: 9_000 }), inPlace: fc.boolean() }),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(pieces, fc.array(fc.nat({ max: 39 })), (chunks, takenAfter) => {
        const block = new FillingBlock();
        const sent: Buffer[] = [];
        const taken: Buffer[] = [];
        chunks.forEach(({ length, inPlace }, index) => {
          const bytes = Buffer.alloc(Math.min(length, block.room.length), index);
          const target = block.room.subarray(0, bytes.length);
          if (inPlace) bytes.copy(target);
          expect(block.put(inPlace ? target : bytes)).toBe(bytes.length);
          sent.push(bytes);
          if (takenAfter.includes(index)) taken.push(...block.take().map((piece) => piece.bytes));
        });
        taken.push(...block.take().map(({ bytes }) => bytes));
        expect(Buffer.concat(taken).equals(Buffer.concat(sent))).toBe(true);
        expect(block.take()).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  it("takes no more than fits", () => {
    const block = new FillingBlock();
    const size = block.room.length;
    expect(block.put(Buffer.alloc(size + 1))).toBe(size);
    expect(block.isFull).toBe(true);
  });

  it("returns to the pool when its filler and all readers have released it", () => {
    const block = new FillingBlock();
    const place = placeOf(block.room);
    block.put(Buffer.from("one"));
    const [first] = block.take();
    block.put(Buffer.from("two"));
    const [second] = block.take();
    first?.block.release();
    block.release();
    expect(next()).not.toEqual(place);
    second?.block.release();
    expect(next()).toEqual(place);
  });

  it("waits for the event loop where a connection may still read into it", async () => {
    const block = new FillingBlock();
    const place = placeOf(block.room);
    block.releaseLater();
    await Promise.resolve();
    expect(next()).not.toEqual(place);
    await turn();
    expect(next()).toEqual(place);
  });
});
