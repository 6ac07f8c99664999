import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Hasher } from "../../processor/storage/uploads/hasher.ts";
import { patternedBytes } from "../support/media.ts";

const never = new AbortController().signal;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const hasher = new Hasher();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hasher-"));
});
afterAll(async () => {
  await hasher.close();
  await rm(folder, { recursive: true, force: true });
});

async function opened(name: string, bytes: Uint8Array) {
  await writeFile(join(folder, name), bytes);
  return await open(join(folder, name), "r");
}

describe("the hash thread", () => {
  it("keeps digests apart that are updated alternately", async () => {
    const pieces = fc.array(fc.record({ of: fc.nat({ max: 3 }), bytes: fc.uint8Array({ maxLength: 50 }) }));
    await fc.assert(
      fc.asyncProperty(pieces, async (fed) => {
        const digests = Array.from({ length: 4 }, () => hasher.begin());
        await Promise.all(fed.map(({ of, bytes }) => digests[of]?.update([bytes])));
        const reported = await Promise.all(digests.map((digest) => digest.digest()));
        const wholes = digests.map((_, index) =>
          Buffer.concat(fed.filter(({ of }) => of === index).map(({ bytes }) => bytes)),
        );
        expect(reported).toEqual(wholes.map(sha256));
      }),
    );
  });

  it("hashes shared memory in place", async () => {
    const memory = Buffer.from(new SharedArrayBuffer(1 << 20));
    patternedBytes(memory.length).copy(memory);
    const digest = hasher.begin();
    await digest.update([memory.subarray(10, 500_000), memory.subarray(500_000, 900_000)]);
    // memory may change once its update was confirmed
    memory.fill(0);
    expect(await digest.digest()).toBe(sha256(patternedBytes(1 << 20).subarray(10, 900_000)));
  });

  it("computes checksums of memory in pieces", async () => {
    const memory = Buffer.from(new SharedArrayBuffer(1 << 20));
    patternedBytes(memory.length).copy(memory);
    const pieces = [memory.subarray(10, 500_000), memory.subarray(500_000, 900_000)];
    const [crc, md5] = await Promise.all([hasher.checksum(pieces, "crc32"), hasher.checksum(pieces, "md5")]);
    const whole = Buffer.concat(pieces);
    expect(crc.readUInt32BE()).toBe(crc32(whole));
    expect(md5).toEqual(createHash("md5").update(whole).digest());
  });

  it("hashes files of any size in parallel with everything else", async () => {
    for (const size of [0, 1, 1 << 20, (33 << 20) + 7]) {
      const bytes = patternedBytes(size);
      const file = await opened(`sized-${size}`, bytes);
      const digest = hasher.begin();
      const [whole] = await Promise.all([hasher.hashFile(file.fd, never), digest.update([Buffer.from("a")])]);
      expect(whole).toBe(sha256(bytes));
      expect(await digest.digest()).toBe(sha256(Buffer.from("a")));
      await file.close();
    }
  });

  it("stops reading a file on abort", async () => {
    const file = await opened("stopped", patternedBytes(64 << 20));
    const stop = new AbortController();
    const hashing = hasher.hashFile(file.fd, stop.signal);
    const reason = new Error("enough");
    stop.abort(reason);
    await expect(hashing).rejects.toBe(reason);
    await file.close();
    await expect(hasher.hashFile(file.fd, stop.signal)).rejects.toBe(reason);
  });

  it("reports why a file cannot be read", async () => {
    const file = await open(join(folder, "unreadable"), "w");
    await expect(hasher.hashFile(file.fd, never)).rejects.toThrow("EBADF");
    await file.close();
  });

  it("rejects pending work when it ends, and starts again for the next caller", async () => {
    const other = new Hasher();
    const digest = other.begin();
    await digest.update([Buffer.from("lost")]);
    const file = await opened("ended", patternedBytes(64 << 20));
    const hashing = other.hashFile(file.fd, never);
    const [failure] = await Promise.all([hashing.catch((error: unknown) => error), other.close()]);
    expect(failure).toMatchObject({ message: "the hash thread ended" });
    await file.close();
    // a new thread would not know what came before
    await expect(digest.update([Buffer.from("more")])).rejects.toThrow("the hash thread ended");
    const next = other.begin();
    await next.update([Buffer.from("found")]);
    expect(await next.digest()).toBe(sha256(Buffer.from("found")));
    await other.close();
  });
});
