import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { openRangeSource, type RangeSourceOptions } from "../../processor/egress/range-source.ts";
import { clientFor, impatientClock } from "../support/egress.ts";
import { patternedBytes } from "../support/media.ts";
import { type Behaviour, type Origin, startOrigin } from "../support/origin.ts";

const MiB = 1 << 20;
const FILE = patternedBytes(9 * MiB + 123);

let origin: Origin;
let reach: ReturnType<typeof clientFor>;
const stop = new AbortController();
beforeAll(async () => {
  origin = await startOrigin({
    bodies: { "/empty.bin": Buffer.alloc(0), "/small.bin": FILE.subarray(0, 1000) },
  });
  reach = clientFor(origin.host);
});
afterAll(async () => {
  reach.policy.close();
  await origin.close();
});
afterEach(() => origin.behave("/", {}));

let files = 0;
/** A unique path for each test, so that counters start at zero. */
function file(behaviour: Behaviour = {}): string {
  const path = `/file-${files++}.bin`;
  origin.put(path, FILE);
  origin.behave(path, behaviour);
  return path;
}

const open = (path: string, options: Partial<RangeSourceOptions> = {}) =>
  openRangeSource(reach.client, {
    url: origin.url + path,
    signal: stop.signal,
    clock: impatientClock(),
    ...options,
  });

async function collect(batches: AsyncIterable<Buffer[]>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const batch of batches) chunks.push(...batch);
  return Buffer.concat(chunks);
}

describe("a source with working ranges", () => {
  it("is read completely by several connections, each byte once", async () => {
    const path = file({ bytesPerSecond: 50 * MiB });
    const source = await open(path, { connections: 4 });
    expect(source).toMatchObject({ sizeBytes: FILE.length, rangesWork: true });
    expect((await collect(source.read({ chunkBytes: MiB }))).equals(FILE)).toBe(true);
    expect(source).toMatchObject({ bytesRead: FILE.length, retries: 0 });
    expect(origin.bytes.get(path)).toBe(FILE.length);
    expect(origin.active.peak).toBeGreaterThan(1);
    expect(origin.active.peak).toBeLessThanOrEqual(5);
  });

  it("is read by one connection at a time where no more are allowed", async () => {
    const { client, policy } = clientFor(origin.host);
    const before = origin.connections;
    const options = { url: origin.url + file(), signal: stop.signal, connections: 1 };
    const source = await openRangeSource(client, options);
    const beginning = await source.readPart(0, 4 * MiB);
    const rest = await collect(source.read({ start: 4 * MiB, chunkBytes: MiB }));
    expect(Buffer.concat([beginning, rest]).equals(FILE)).toBe(true);
    // the next request may be sent just before a connection is free again
    expect(origin.connections - before).toBeLessThanOrEqual(2);
    policy.close();
  });

  it("reuses its memory for a reader that keeps nothing, however slow it is", async () => {
    const source = await open(file(), { connections: 4 });
    const memories = new Set<ArrayBufferLike>();
    const copies: Buffer[] = [];
    for await (const batch of source.read({ chunkBytes: MiB, borrowed: true })) {
      await origin.idle();
      for (const chunk of batch) memories.add(chunk.buffer);
      copies.push(Buffer.concat(batch));
    }
    expect(Buffer.concat(copies).equals(FILE)).toBe(true);
    expect(memories.size * 256 * 1024).toBeLessThan(FILE.length);
  });

  it("reuses its connections", async () => {
    const source = await open(file(), { connections: 3 });
    const before = origin.connections;
    for (let start = 0; start + MiB <= FILE.length; start += MiB) await source.readPart(start, start + MiB);
    expect(origin.connections - before).toBeLessThanOrEqual(2);
  });

  it.each([
    ["from the middle", 3 * MiB + 7, FILE.length],
    ["a few bytes in front", 0, 100],
    ["a piece", MiB, MiB + 1],
  ])("is read %s", async (_case, start, end) => {
    const source = await open(file());
    expect((await collect(source.read({ start, end }))).equals(FILE.subarray(start, end))).toBe(true);
    source.close();
  });

  it("keeps its beginning for every reader, so that no byte is requested twice", async () => {
    const path = file();
    const source = await open(path);
    const [first, second] = await Promise.all([source.readPart(0, 100), source.readPart(50, 1000)]);
    expect(first.equals(FILE.subarray(0, 100))).toBe(true);
    expect(second.equals(FILE.subarray(50, 1000))).toBe(true);
    expect((await collect(source.read())).equals(FILE)).toBe(true);
    expect((await source.readPart(0, MiB)).subarray(0, 1000).equals(FILE.subarray(0, 1000))).toBe(true);
    expect(
      origin.requests.filter((request) => request.path === path && request.range === "bytes=0-262143"),
    ).toHaveLength(1);
    source.close();
  });

  it("gives of its beginning what has arrived, and requests it again for the next reader if it broke off", async () => {
    const path = file({ truncateAfter: 1000 });
    const source = await open(path);
    const whole = source.readPart(0, 256 << 10);
    expect((await source.readPart(0, 500)).equals(FILE.subarray(0, 500))).toBe(true);
    await expect(whole).rejects.toMatchObject({ code: "network" });
    origin.behave(path, {});
    expect((await source.readPart(0, 256 << 10)).equals(FILE.subarray(0, 256 << 10))).toBe(true);
    source.close();
  });

  it("stops one reader of its beginning and not the others", async () => {
    const source = await open(file({ bytesPerSecond: 64 << 10 }));
    const impatient = new AbortController();
    const stopped = source.readPart(0, 200 << 10, impatient.signal);
    const other = source.readPart(0, 1 << 10);
    impatient.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    expect((await other).equals(FILE.subarray(0, 1 << 10))).toBe(true);
    source.close();
  });

  it("serves parts, the first one from what the first response already brought", async () => {
    const path = file();
    const source = await open(path);
    const parts = await Promise.all([
      source.readPart(0, 4 * MiB),
      source.readPart(4 * MiB, 8 * MiB),
      source.readPart(8 * MiB, FILE.length),
    ]);
    expect(Buffer.concat(parts).equals(FILE)).toBe(true);
    expect(origin.bytes.get(path)).toBe(FILE.length);
  });

  it("requests little until the reader continues", async () => {
    const path = file();
    const source = await open(path);
    for await (const _batch of source.read()) break;
    await origin.idle();
    expect(origin.requests.filter((request) => request.path === path)).toHaveLength(1);
  });

  it("ends its requests when the reader stops", async () => {
    const path = file({ bytesPerSecond: 20 * MiB });
    const source = await open(path, { connections: 6 });
    let seen = 0;
    for await (const batch of source.read({ chunkBytes: MiB })) {
      seen += batch.length;
      if (seen > 30) break;
    }
    await origin.idle();
    expect(origin.active.now).toBe(0);
  });

  it("stops waiting for bytes when its reading is aborted", async () => {
    const source = await open(file());
    const left = new AbortController();
    origin.behave([...origin.hits.keys()].at(-1) ?? "", { hang: true });
    const reading = collect(source.read({ start: MiB, signal: left.signal }));
    left.abort(new Error("seeked away"));
    await expect(reading).rejects.toThrow();
  });

  it.each([
    ["an empty file", "/empty.bin", 0],
    ["a file smaller than the first range", "/small.bin", 1000],
  ])("may be %s", async (_case, path, size) => {
    const source = await open(path);
    expect(source.sizeBytes).toBe(size);
    expect((await collect(source.read())).equals(FILE.subarray(0, size))).toBe(true);
  });

  it("is refused at once when it is larger than allowed", async () => {
    const path = file();
    await expect(open(path, { maxBytes: FILE.length - 1 })).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(origin.bytes.get(path) ?? 0).toBeLessThan(FILE.length / 2);
  });
});

describe("a broken transfer", () => {
  it("continues at the byte where the connection broke", async () => {
    const path = file({ resetAfter: 300_000, resets: 3 });
    const source = await open(path);
    expect((await collect(source.read())).equals(FILE)).toBe(true);
    expect(source.retries).toBeGreaterThan(0);
    expect(source.bytesRead).toBe(FILE.length);
  });

  it("continues after a response that was shorter than announced", async () => {
    const source = await open(file({ truncateAfter: MiB }));
    const part = await source.readPart(MiB, 5 * MiB);
    expect(part.equals(FILE.subarray(MiB, 5 * MiB))).toBe(true);
  });

  it("continues without ranges by skipping what it has", async () => {
    const path = file({ noRanges: true, resetAfter: 2 * MiB, resets: 1 });
    const source = await open(path);
    expect(source.rangesWork).toBe(false);
    expect((await collect(source.read())).equals(FILE)).toBe(true);
    expect(source.retries).toBeGreaterThan(0);
  });

  it("is given up when nothing more arrives", async () => {
    const clock = impatientClock();
    const path = file();
    const source = await open(path, { clock });
    origin.behave(path, { resetAfter: 0 });
    await expect(source.readPart(MiB, 2 * MiB)).rejects.toMatchObject({ code: "network" });
    expect(clock.delays).toHaveLength(5);
    expect(source.retries).toBe(5);
  });

  it("is given up when only single bytes arrive", async () => {
    const path = file();
    const source = await open(path);
    origin.behave(path, { resetAfter: 1 });
    await expect(source.readPart(MiB, 2 * MiB)).rejects.toMatchObject({ code: "network" });
    expect(source.retries).toBeLessThanOrEqual(20);
  });

  it("is given up when the file changes midway", async () => {
    const path = file({ changeAt: 3 });
    const source = await open(path);
    await expect(collect(source.read({ chunkBytes: MiB }))).rejects.toMatchObject({
      code: "network",
      detail: "the file changed while it was read",
    });
  });

  it("ends with the run's own reason when the run is cancelled", async () => {
    const cancel = new AbortController();
    const path = file();
    const source = await open(path, { signal: cancel.signal });
    origin.behave(path, { hang: true });
    const reading = source.readPart(MiB, 2 * MiB);
    await origin.waitForHit(path);
    cancel.abort(new Error("cancelled"));
    await expect(reading).rejects.toThrow("cancelled");
  });
});

describe("a source without ranges", () => {
  it("is read from the very first response", async () => {
    const path = file({ noRanges: true });
    const source = await open(path);
    expect(source).toMatchObject({ rangesWork: false, sizeBytes: FILE.length });
    expect((await collect(source.read())).equals(FILE)).toBe(true);
    expect(origin.hits.get(path)).toBe(1);
  });

  it("may not state its size, and is cut off at the limit", async () => {
    const path = file({ noRanges: true, noLength: true });
    const source = await open(path);
    expect(source.sizeBytes).toBeUndefined();
    expect((await collect(source.read())).equals(FILE)).toBe(true);
    const limited = await open(path, { maxBytes: MiB });
    await expect(collect(limited.read())).rejects.toMatchObject({ code: "limit_exceeded" });
  });

  it.each(["shifted", "unknown-size"] as const)("is assumed when the ranges are %s", async (lie) => {
    const source = await open(file({ lie }));
    expect(source.rangesWork).toBe(false);
    expect((await collect(source.read())).equals(FILE)).toBe(true);
  });

  it("cannot be read from the middle", async () => {
    const source = await open(file({ noRanges: true }));
    await expect(collect(source.read({ start: 1 }))).rejects.toMatchObject({ code: "network" });
    source.close();
  });

  it.each<[string, Behaviour]>([
    ["shifts its ranges later", { lie: "shifted" }],
    ["removes ranges later", { noRanges: true }],
  ])("is detected only at the start: one that %s fails", async (_case, behaviour) => {
    const path = file();
    const source = await open(path);
    origin.behave(path, behaviour);
    await expect(source.readPart(MiB, 2 * MiB)).rejects.toMatchObject({ code: "network" });
  });
});

describe("a refusal of the source", () => {
  it.each([
    [401, "forbidden"],
    [403, "forbidden"],
    [404, "unavailable"],
    [410, "forbidden"],
    [451, "unavailable"],
  ])("with %i is %s, after one request", async (status, code) => {
    const path = file({ status });
    await expect(open(path)).rejects.toMatchObject({ code });
    expect(origin.hits.get(path)).toBe(1);
  });

  it("with 429 waits a short time as asked", async () => {
    const clock = impatientClock();
    const source = await open(file({ status: 429, times: 1, retryAfterSeconds: 2 }), { clock });
    expect(clock.delays).toEqual([2000]);
    source.close();
  });

  it("with 429 and a long wait is passed on with the wait", async () => {
    const path = file({ status: 429, retryAfterSeconds: 3600 });
    await expect(open(path)).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 3_600_000 });
    expect(origin.hits.get(path)).toBe(1);
  });

  it("with 500 is retried, then a network failure", async () => {
    const passing = await open(file({ status: 500, times: 2 }));
    expect(passing.retries).toBe(2);
    passing.close();
    await expect(open(file({ status: 503 }))).rejects.toMatchObject({ code: "network" });
  });
});

describe("redirects and secrets", () => {
  it("uses the target of the redirect directly, and sends cookies with every request", async () => {
    const path = file({ cookie: "sid=ok" });
    const url = `${origin.url}/redirect?to=${encodeURIComponent(origin.url + path)}`;
    const source = await open(path, { url, headers: { cookie: "a=b; sid=ok" } });
    expect((await collect(source.read({ chunkBytes: MiB }))).equals(FILE)).toBe(true);
    expect(origin.requests.filter((request) => request.path === "/redirect")).toHaveLength(1);
  });

  it("never sends cookies to another origin that a redirect led to", async () => {
    const other = await startOrigin({ bodies: { "/x.bin": FILE } });
    const { client, policy } = clientFor(origin.host, other.host);
    const url = `${origin.url}/redirect?to=${encodeURIComponent(`${other.url}/x.bin`)}`;
    other.behave("/x.bin", { cookie: "sid=ok" });
    const refused = openRangeSource(client, { url, headers: { cookie: "sid=ok" }, signal: stop.signal });
    await expect(refused).rejects.toMatchObject({ code: "forbidden" });
    policy.close();
    await other.close();
  });

  it("refuses a redirect to a private address", async () => {
    const url = `${origin.url}/redirect?to=${encodeURIComponent("http://127.0.0.1:9/")}`;
    await expect(open("", { url })).rejects.toMatchObject({ code: "egress_blocked" });
  });
});
