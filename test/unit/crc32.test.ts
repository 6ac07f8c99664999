import { crc32 as crc32OfNode } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32 } from "../../processor/storage/uploads/crc32.ts";

it("is computed as by zlib, of any pieces and in memory that threads share", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 5 });
  fc.assert(
    fc.property(pieces, (chunks) => {
      let soFar = 0;
      for (const chunk of chunks) {
        const shared = Buffer.from(new SharedArrayBuffer(chunk.length + 1), 1);
        shared.set(chunk);
        soFar = crc32(shared, soFar);
      }
      expect(soFar).toBe(crc32OfNode(Buffer.concat(chunks)));
    }),
  );
});
