import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PartLimits, Upload } from "../../processor/storage/object-store.ts";
import { BufferBudget } from "../../processor/storage/uploads/buffer-budget.ts";
import { FrontLastFiller } from "../../processor/storage/uploads/front-last-filler.ts";
import { OrderedHash } from "../../processor/storage/uploads/ordered-hash.ts";
import { maxObjectBytes, partSizeFor } from "../../processor/storage/uploads/part-size.ts";
import { PartUploader, type PartUploaderOptions } from "../../processor/storage/uploads/part-uploader.ts";
import { uploadRanges } from "../../processor/storage/uploads/upload-ranges.ts";
import { inlineDigest } from "../support/inline-digest.ts";
import { uploadStream } from "../support/upload-stream.ts";

const MiB = 1 << 20;
const limits: PartLimits = {
  ...{ minBytes: 5 * MiB, maxBytes: 64 * MiB, maxParts: 10_000 },
  ...{ equalParts: true, inOrder: false },
};

describe("part size", () => {
  it.each([
    [undefined, 12 * MiB],
    [0, 8 * MiB],
    [1 << 30, 8 * MiB],
    [9_000 * 8 * MiB, 8 * MiB],
    [9_000 * 8 * MiB + 1, 9 * MiB],
    [500 * 2 ** 30, 57 * MiB],
  ])("for %s expected bytes is %i", (expected, size) => {
    expect(partSizeFor(expected, limits)).toBe(size);
  });

  it("refuses what no part size can hold", () => {
    const most = maxObjectBytes(64 * MiB, limits);
    expect(partSizeFor(most, limits)).toBe(64 * MiB);
    expect(() => partSizeFor(most + 1, limits)).toThrow(expect.objectContaining({ code: "limit_exceeded" }));
  });

  it("always holds what is expected", () => {
    fc.assert(
      fc.property(fc.nat({ max: maxObjectBytes(64 * MiB, limits) }), (expected) => {
        const size = partSizeFor(expected, limits);
        expect(size % MiB).toBe(0);
        expect(maxObjectBytes(size, limits)).toBeGreaterThanOrEqual(expected);
      }),
    );
  });
});

describe("ordered hash", () => {
  it("equals the hash of the whole for any order of parts", async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(parts, fc.infiniteStream(fc.nat()), async (chunks, keys) => {
        const hash = new OrderedHash(inlineDigest());
        const order = chunks.map((_, index) => ({ index, key: keys.next().value ?? 0 }));
        order.sort((a, b) => a.key - b.key);
        await Promise.all(order.map(({ index }) => hash.add(index, [chunks[index] ?? new Uint8Array()])));
        expect(await hash.digest()).toBe(createHash("sha256").update(Buffer.concat(chunks)).digest("hex"));
      }),
    );
  });

  it("does not return a digest while a part is missing", async () => {
    const hash = new OrderedHash(inlineDigest());
    void hash.add(1, [Buffer.from("b")]);
    await expect(hash.digest()).rejects.toThrow("part 0");
  });
});

describe("buffer budget", () => {
  it("never grants more than its capacity, and every run finishes", async () => {
    const runs = fc.array(
      fc.record({ part: fc.integer({ min: 1, max: 10 }), parts: fc.integer({ min: 0, max: 12 }) }),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(runs, fc.integer({ min: 10, max: 40 }), fc.scheduler(), async (plans, capacity, s) => {
        const budget = new BufferBudget(capacity);
        const check = () => expect(budget.used).toBeLessThanOrEqual(capacity);
        const ends = plans.map(async ({ part, parts }) => {
          const share = await budget.join(part);
          const sending: Promise<void>[] = [];
          for (let index = 0; index < parts; index++) {
            await share.take(part);
            check();
            sending.push(s.schedule(Promise.resolve(), "sent").then(() => share.give(part)));
          }
          await Promise.all(sending);
          share.leave();
        });
        const all = Promise.all(ends);
        await s.waitFor(all);
        expect(budget.used).toBe(0);
      }),
    );
  });

  it("grants in order of arrival, but lets a run use its own part at any time", async () => {
    const budget = new BufferBudget(30);
    const [a, b] = [await budget.join(10), await budget.join(10)];
    await a.take(10);
    await a.take(10);
    const order: string[] = [];
    const third = a.take(10).then(() => order.push("a3"));
    await b.take(10);
    const second = b.take(10).then(() => order.push("b2"));
    b.give(10);
    await second;
    a.give(10);
    await third;
    expect(order).toEqual(["b2", "a3"]);
  });

  it("removes a waiter whose run was cancelled", async () => {
    const budget = new BufferBudget(10);
    const first = await budget.join(10);
    const cancel = new AbortController();
    const cancelled = budget.join(10, cancel.signal);
    const patient = budget.join(10);
    cancel.abort(new Error("cancelled"));
    await expect(cancelled).rejects.toThrow("cancelled");
    first.leave();
    (await patient).leave();
    expect(budget.used).toBe(0);
  });

  it("refuses a part that could never fit", async () => {
    await expect(new BufferBudget(10).join(11)).rejects.toThrow(RangeError);
  });
});

/** An upload into memory whose parts are stored when the test says so. */
class MemoryUpload implements Upload {
  readonly ref = "memory";
  readonly retries = 0;
  readonly parts: Buffer[] = [];
  state: "open" | "completed" | "aborted" = "open";
  inFlight = 0;
  peak = 0;
  store: (index: number) => Promise<void> = () => Promise.resolve();

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    this.peak = Math.max(this.peak, ++this.inFlight);
    try {
      await this.store(index);
      signal.throwIfAborted();
      this.parts[index] = Buffer.concat(body);
    } finally {
      this.inFlight--;
    }
  }
  async complete(): Promise<void> {
    this.state = "completed";
  }
  async abort(): Promise<void> {
    expect(this.inFlight).toBe(0);
    this.state = "aborted";
  }
}

const tiny: PartLimits = { minBytes: 1, maxBytes: 100, maxParts: 50, equalParts: true, inOrder: false };
const never = new AbortController().signal;

const uploaderOf = (upload: Upload, options: Partial<PartUploaderOptions> = {}): PartUploader =>
  new PartUploader({
    upload,
    limits: tiny,
    partBytes: 10,
    signal: never,
    digest: inlineDigest(),
    ...options,
  });

describe("part uploader", () => {
  it("reassembles a stream of any chunks into equal parts, with a bounded number in flight", async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 20 });
    const sizes = fc.record({
      partBytes: fc.integer({ min: 13, max: 40 }),
      slots: fc.integer({ min: 1, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(chunks, sizes, fc.scheduler(), async (source, { partBytes, slots }, s) => {
        const upload = new MemoryUpload();
        upload.store = () => s.schedule(Promise.resolve());
        async function* stream() {
          yield* source;
        }
        const result = await s.waitFor(
          uploadStream(uploaderOf(upload, { partBytes, partsInFlight: slots }), stream()),
        );
        const whole = Buffer.concat(source);
        expect(Buffer.concat(upload.parts)).toEqual(whole);
        expect(upload.parts.slice(0, -1).every((part) => part.length === partBytes)).toBe(true);
        expect(upload.peak).toBeLessThanOrEqual(slots);
        expect(upload.state).toBe("completed");
        expect(result.sha256).toBe(createHash("sha256").update(whole).digest("hex"));
        expect(result.bytes).toBe(whole.length);
      }),
    );
  });

  it("reassembles ranges that are read and stored in any order, sharing a budget without a deadlock", async () => {
    const plan = fc.record({
      sizes: fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 8 }),
      capacity: fc.integer({ min: 10, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, fc.scheduler(), async ({ sizes, capacity }, s) => {
        const budget = new BufferBudget(capacity);
        const runs = sizes.map(async (size) => {
          const whole = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
          const upload = new MemoryUpload();
          upload.store = () => s.schedule(Promise.resolve());
          const share = await budget.join(10);
          const uploader = uploaderOf(upload, { share });
          const read = (start: number, end: number) =>
            s.schedule(Promise.resolve([whole.subarray(start, end)]));
          const { sha256 } = await uploadRanges(uploader, { sizeBytes: size, read });
          expect(Buffer.concat(upload.parts)).toEqual(whole);
          expect(sha256).toBe(createHash("sha256").update(whole).digest("hex"));
          expect(budget.used).toBeLessThanOrEqual(capacity);
        });
        await s.waitFor(Promise.all(runs));
        expect(budget.used).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it("stops everything with the first failure and returns all memory", async () => {
    const budget = new BufferBudget(100);
    const upload = new MemoryUpload();
    const failure = new Error("the second part failed");
    upload.store = (index) => (index === 1 ? Promise.reject(failure) : Promise.resolve());
    const share = await budget.join(10);
    const uploader = uploaderOf(upload, { share });
    const read = async (start: number, end: number) => [Buffer.alloc(end - start)];
    await expect(uploadRanges(uploader, { sizeBytes: 200, read })).rejects.toBe(failure);
    expect(upload.state).toBe("aborted");
    expect(uploader.signal.reason).toBe(failure);
    expect(budget.used).toBe(0);
  });

  it("ends with the failure of a read, although later parts wait for it to be hashed", async () => {
    const upload = new MemoryUpload();
    const uploader = uploaderOf(upload);
    const failure = new Error("unreadable");
    const later = Promise.withResolvers<void>();
    upload.store = async (index) => {
      if (index === 3) later.resolve();
    };
    const read = async (start: number, end: number) => {
      if (start > 0) return [Buffer.alloc(end - start)];
      await later.promise;
      throw failure;
    };
    await expect(uploadRanges(uploader, { sizeBytes: 100, read })).rejects.toBe(failure);
    expect(upload.state).toBe("aborted");
  });

  it("refuses a stream with more parts than the provider accepts", async () => {
    const upload = new MemoryUpload();
    const uploader = uploaderOf(upload, { partBytes: 1 });
    async function* endless() {
      for (;;) yield Buffer.alloc(7);
    }
    await expect(uploadStream(uploader, endless())).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(upload.state).toBe("aborted");
  });

  it("reports progress that only grows and ends at the size", async () => {
    const seen: number[] = [];
    const upload = new MemoryUpload();
    const onProgress = (bytes: number) => void seen.push(bytes);
    const uploader = uploaderOf(upload, { onProgress });
    const read = async (start: number, end: number) => [Buffer.alloc(end - start)];
    await uploadRanges(uploader, { sizeBytes: 45, read });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(45);
  });
});

describe("a file whose front comes last", () => {
  const chunked = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
    const chunks: Buffer[] = [];
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = Math.max(1, sizes[turn % sizes.length] ?? 1);
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    return chunks;
  };
  const pattern = (length: number, seed: number): Buffer =>
    Buffer.from(Array.from({ length }, (_, index) => (index * 7 + seed) % 251));

  /** As a run does it: the front is not touched before all media was taken. */
  async function store(uploader: PartUploader, front: Buffer, media: readonly Buffer[]) {
    const filler = new FrontLastFiller(uploader, front.length);
    try {
      for (const chunk of media) {
        const passed = Buffer.from(chunk);
        await filler.put(passed);
        // the memory of a chunk belongs to the reader again
        passed.fill(0);
      }
      await filler.end(front);
    } catch (error) {
      filler.drop();
      await uploader.abort(error);
      throw error;
    }
    return await uploader.finish();
  }

  const file = fc.record({
    frontBytes: fc.nat({ max: 70 }),
    mediaBytes: fc.nat({ max: 200 }),
    sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
  });

  it("is the same object for any sizes of front, chunks and parts, with equal parts but the last", async () => {
    const limits = fc.record({
      partBytes: fc.integer({ min: 1, max: 30 }),
      window: fc.integer({ min: 2, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(file, limits, fc.scheduler(), async (plan, { partBytes, window }, s) => {
        const [front, media] = [pattern(plan.frontBytes, 3), pattern(plan.mediaBytes, 101)];
        const upload = new MemoryUpload();
        upload.store = () => s.schedule(Promise.resolve());
        const options = {
          ...{ partBytes, partsInFlight: window, digest: null },
          limits: { ...tiny, maxParts: 1000 },
        };
        const result = await s.waitFor(store(uploaderOf(upload, options), front, chunked(media, plan.sizes)));
        expect(Buffer.concat(upload.parts)).toEqual(Buffer.concat([front, media]));
        expect(upload.parts.slice(0, -1).every((part) => part.length === partBytes)).toBe(true);
        expect(upload.peak).toBeLessThanOrEqual(window);
        expect(upload.state).toBe("completed");
        expect(result).toMatchObject({ sha256: null, bytes: front.length + media.length });
      }),
    );
  });

  it("shares a budget with others without a deadlock, if two parts are reserved", async () => {
    const plan = fc.record({
      files: fc.array(file, { minLength: 1, maxLength: 6 }),
      capacity: fc.integer({ min: 20, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(plan, fc.scheduler(), async ({ files, capacity }, s) => {
        const budget = new BufferBudget(capacity);
        const runs = files.map(async ({ frontBytes, mediaBytes, sizes }) => {
          const [front, media] = [pattern(frontBytes, 3), pattern(mediaBytes, 101)];
          const upload = new MemoryUpload();
          upload.store = () => s.schedule(Promise.resolve());
          const share = await budget.join(20);
          await store(uploaderOf(upload, { share, digest: null }), front, chunked(media, sizes));
          expect(Buffer.concat(upload.parts)).toEqual(Buffer.concat([front, media]));
          expect(budget.used).toBeLessThanOrEqual(capacity);
        });
        await s.waitFor(Promise.all(runs));
        expect(budget.used).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it.each([0, 2, 5])("returns all memory and leaves nothing when part %i is refused", async (refused) => {
    const budget = new BufferBudget(100);
    const upload = new MemoryUpload();
    const failure = new Error("refused");
    upload.store = (index) => (index === refused ? Promise.reject(failure) : Promise.resolve());
    const uploader = uploaderOf(upload, { share: await budget.join(20), digest: null });
    await expect(store(uploader, pattern(25, 3), chunked(pattern(200, 7), [9]))).rejects.toBe(failure);
    expect(upload.state).toBe("aborted");
    expect(budget.used).toBe(0);
  });

  it("refuses a front of another length, and drops what it held", async () => {
    const budget = new BufferBudget(100);
    const upload = new MemoryUpload();
    const uploader = uploaderOf(upload, { share: await budget.join(20), digest: null });
    const filler = new FrontLastFiller(uploader, 15);
    await filler.put(pattern(30, 1));
    await expect(filler.end(pattern(14, 1))).rejects.toThrow(RangeError);
    filler.drop();
    await uploader.abort(new Error("over"));
    expect(budget.used).toBe(0);
  });
});
