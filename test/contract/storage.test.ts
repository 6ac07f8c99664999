import { createHash, randomBytes } from "node:crypto";
import http from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { RetryClock } from "../../processor/retry.ts";
import { partSizeFor } from "../../processor/storage/part-size.ts";
import { PartUploader } from "../../processor/storage/part-uploader.ts";
import { S3Sink } from "../../processor/storage/s3.ts";
import type { NewObject, Sink } from "../../processor/storage/sink.ts";
import { uploadStream } from "../../processor/storage/upload-stream.ts";
import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type S3Server, startS3 } from "../support/s3-server.ts";

/** What one provider must offer to run the suite. */
interface Subject {
  /** A sink on the real server; `origin` replaces scheme, host and port. */
  sink(change?: { origin?: string; secret?: string; bucket?: string; clock?: RetryClock }): Sink;
  /** Scheme, host and port of the real server. */
  origin(): string;
  /** Recognises the request that stores a part (index from 0), and the one that completes an upload. */
  isPart(request: string, index?: number): boolean;
  isComplete(request: string): boolean;
  /** Keys of unfinished uploads by the server's own records. */
  unfinished(): Promise<string[]>;
  /** Texts that must never appear in an error. */
  secrets(): string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

const agent = new http.Agent({ keepAlive: true });
afterAll(() => agent.destroy());

/** Retries happen at once: the delays themselves are proven in the unit tests. */
const impatient: RetryClock = { sleep: async () => {}, random: () => 0, now: Date.now };

function s3Subject(): Subject {
  let server: S3Server;
  return {
    sink: ({ origin, secret, bucket, clock } = {}) =>
      new S3Sink({
        endpoint: origin ? new URL(new URL(server.endpoint).pathname, origin).href : server.endpoint,
        bucket: bucket ?? server.bucket,
        region: server.region,
        accessKeyId: server.accessKeyId,
        secretAccessKey: secret ?? server.secretAccessKey,
        addressing: "path",
        agentFor: () => agent,
        clock: clock ?? impatient,
      }),
    origin: () => new URL(server.endpoint).origin,
    isPart: (request, index) =>
      request.startsWith("PUT ") &&
      (index === undefined ? request.includes("partNumber=") : request.includes(`partNumber=${index + 1}&`)),
    isComplete: (request) => request.startsWith("POST ") && request.includes("uploadId="),
    unfinished: () => server.unfinishedUploads(),
    secrets: () => [server.secretAccessKey, server.accessKeyId],
    async start() {
      server = await startS3();
    },
    stop: () => server.close(),
  };
}

describe.each([["s3", s3Subject()]])("the %s sink", (_name, subject) => {
  beforeAll(() => subject.start());
  afterAll(() => subject.stop());
  const proxies: FaultyProxy[] = [];
  afterEach(async () => {
    for (const proxy of proxies.splice(0)) await proxy.close();
  });

  const disturbed = async (disturb: (request: string) => Disturbance) => {
    const proxy = await startFaultyProxy(subject.origin(), disturb);
    proxies.push(proxy);
    return { proxy, sink: subject.sink({ origin: proxy.origin }) };
  };

  const object = (key: string): NewObject => ({ key, contentType: "application/octet-stream" });
  const never = new AbortController().signal;

  async function uploader(sink: Sink, key: string, signal = never): Promise<PartUploader> {
    const upload = await sink.open(object(key), signal);
    const partBytes = sink.limits.minBytes;
    return new PartUploader({ upload, limits: sink.limits, partBytes, signal });
  }

  async function* inChunks(bytes: Buffer, chunkBytes = 64 << 10): AsyncGenerator<Buffer> {
    for (let start = 0; start < bytes.length; start += chunkBytes)
      yield bytes.subarray(start, start + chunkBytes);
  }

  const deliver = async (sink: Sink, key: string, bytes: Buffer, signal = never) =>
    uploadStream(await uploader(sink, key, signal), inChunks(bytes));

  const fetchBack = async (sink: Sink, key: string) => {
    const response = await fetch(await sink.signGet(key, 60));
    return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
  };
  const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const part = () => subject.sink().limits.minBytes;

  const sizes: [string, () => number, number][] = [
    ["an empty object", () => 0, 1],
    ["a small object", () => 5, 1],
    ["exactly one part", () => part(), 1],
    ["one byte more than a part", () => part() + 1, 2],
    ["many parts", () => 5 * part() + 12_345, 6],
  ];
  it.each(sizes)("delivers %s from a stream of unknown length", async (name, size, parts) => {
    const sink = subject.sink();
    const bytes = randomBytes(size());
    const result = await deliver(sink, `sizes/${name}`, bytes);
    expect(result).toMatchObject({ bytes: bytes.length, parts, sha256: sha256(bytes), retries: 0 });
    const back = await fetchBack(sink, `sizes/${name}`);
    expect(back.status).toBe(200);
    expect(sha256(back.bytes)).toBe(sha256(bytes));
  });

  it("keeps content type and disposition", async () => {
    const sink = subject.sink();
    const contentDisposition = 'attachment; filename="a b.mp4"';
    const upload = await sink.open({ key: "typed.mp4", contentType: "video/mp4", contentDisposition }, never);
    await upload.putPart(0, [Buffer.from("x")], never);
    await upload.complete();
    const response = await fetch(await sink.signGet("typed.mp4", 60));
    expect(response.headers.get("content-type")).toBe("video/mp4");
    expect(response.headers.get("content-disposition")).toBe(contentDisposition);
    await response.arrayBuffer();
  });

  it("puts parts together that arrive out of order", async () => {
    const sink = subject.sink();
    const bytes = randomBytes(3 * part() + 7);
    const target = await uploader(sink, "shuffled");
    const slots = [];
    for (let index = 0; index < 4; index++) slots.push(await target.reserve(index));
    for (const index of [3, 1, 2, 0]) {
      slots[index]?.submit([bytes.subarray(index * part(), (index + 1) * part())]);
    }
    expect((await target.finish()).sha256).toBe(sha256(bytes));
    expect(sha256((await fetchBack(sink, "shuffled")).bytes)).toBe(sha256(bytes));
  });

  it("reads no further than its slots while the storage is slow", async () => {
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const { sink } = await disturbed((request) => {
      if (!subject.isPart(request)) return "pass";
      if (subject.isPart(request, 3)) arrived.resolve();
      return { until: gate.promise };
    });
    let produced = 0;
    const bytes = Buffer.alloc(8 * part(), 7);
    async function* counted() {
      for await (const chunk of inChunks(bytes)) {
        produced += chunk.length;
        yield chunk;
      }
    }
    const uploading = uploadStream(await uploader(sink, "slow"), counted());
    await arrived.promise;
    expect(produced).toBeLessThanOrEqual(4 * part() + (64 << 10));
    gate.resolve();
    expect((await uploading).bytes).toBe(bytes.length);
  });

  const passing: [string, Disturbance][] = [
    ["a cut connection", "cut"],
    ["a lost answer", "lose-answer"],
    ["a 500", { status: 500 }],
    ["a 503 that asks to slow down", { status: 503, headers: { "retry-after": "1" } }],
    ["a 429", { status: 429 }],
  ];
  it.each(passing)("repeats a part after %s", async (name, disturbance) => {
    let left = 2;
    const { sink } = await disturbed((request) =>
      subject.isPart(request, 1) && left-- > 0 ? disturbance : "pass",
    );
    const bytes = randomBytes(2 * part() + 1);
    const result = await deliver(sink, `repeated/${name}`, bytes);
    expect(result.retries).toBe(2);
    expect(sha256((await fetchBack(sink, `repeated/${name}`)).bytes)).toBe(sha256(bytes));
  });

  it("knows its own object again when the answer to the completion was lost", async () => {
    let lost = false;
    const { sink } = await disturbed((request) => {
      if (lost || !subject.isComplete(request)) return "pass";
      lost = true;
      return "lose-answer";
    });
    const result = await deliver(sink, "completed-twice", Buffer.from("once"));
    expect(result.retries).toBe(1);
    expect((await fetchBack(sink, "completed-twice")).bytes.toString()).toBe("once");
  });

  it("leaves nothing behind when a part fails for good", async () => {
    const { sink } = await disturbed((request) => (subject.isPart(request, 1) ? { status: 500 } : "pass"));
    const failing = deliver(sink, "failed", randomBytes(4 * part()));
    await expect(failing).rejects.toMatchObject({ code: "upload_failed" });
    expect(await subject.unfinished()).toEqual([]);
    expect(await sink.listUploads("failed")).toEqual([]);
    expect((await fetchBack(sink, "failed")).status).toBe(404);
  });

  it("leaves nothing behind when the source fails", async () => {
    const sink = subject.sink();
    const broken = new Error("the source broke");
    async function* source() {
      yield randomBytes(part() + 1);
      throw broken;
    }
    await expect(uploadStream(await uploader(sink, "broken"), source())).rejects.toBe(broken);
    expect(await subject.unfinished()).toEqual([]);
  });

  it("stops at once on cancel and leaves nothing behind", async () => {
    const cancel = new AbortController();
    const reason = new Error("cancelled by a test");
    const { sink, proxy } = await disturbed((request) => {
      if (!subject.isPart(request, 1)) return "pass";
      cancel.abort(reason);
      return { until: new Promise(() => {}) };
    });
    await expect(deliver(sink, "cancelled", randomBytes(6 * part()), cancel.signal)).rejects.toBe(reason);
    expect(proxy.requests.filter(subject.isComplete)).toEqual([]);
    expect(await subject.unfinished()).toEqual([]);
    expect((await fetchBack(sink, "cancelled")).status).toBe(404);
  });

  it("publishes nothing when leave to publish is refused", async () => {
    const sink = subject.sink();
    const lost = new Error("lease lost");
    const target = await uploader(sink, "unpublished");
    (await target.reserve(0)).submit([Buffer.from("zombie")]);
    await expect(target.finish({ beforePublish: () => Promise.reject(lost) })).rejects.toBe(lost);
    expect(await subject.unfinished()).toEqual([]);
    expect((await fetchBack(sink, "unpublished")).status).toBe(404);
  });

  it("lets a successor abort its predecessor, which then cannot complete", async () => {
    const zombie = await subject.sink().open(object("fenced"), never);
    await zombie.putPart(0, [Buffer.from("old")], never);
    await subject.sink().abort("fenced", zombie.ref);
    await subject.sink().abort("fenced", zombie.ref);
    await deliver(subject.sink(), "fenced", Buffer.from("new"));
    await expect(zombie.putPart(1, [Buffer.from("late")], never)).rejects.toMatchObject({
      code: "upload_failed",
    });
    await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
    expect((await fetchBack(subject.sink(), "fenced")).bytes.toString()).toBe("new");
  });

  it.each([
    ["a wrong secret", { secret: "wrong-secret-value" }],
    ["a missing bucket", { bucket: "no-such-bucket" }],
  ])("refuses %s in words without secrets", async (_case, change) => {
    const sink = subject.sink(change);
    const error = await sink.open(object("refused"), never).catch((caught) => caught);
    expect(error).toMatchObject({ code: "upload_refused" });
    expect(error.detail).toMatch(/\w+ \(\d{3}\)/);
    for (const secret of [...subject.secrets(), "wrong-secret-value"]) {
      expect(JSON.stringify({ ...error, message: error.message })).not.toContain(secret);
    }
  });

  it("repeats nothing that was refused", async () => {
    const body = "<Error><Code>AccessDenied</Code><Message>Access &amp; rights</Message></Error>";
    const { sink, proxy } = await disturbed(() => ({ status: 403, body }));
    await expect(sink.open(object("denied"), never)).rejects.toMatchObject({
      code: "upload_refused",
      detail: "AccessDenied (403): Access & rights",
    });
    expect(proxy.requests).toHaveLength(1);
  });

  it.each([
    ["Unicode", "папка/日本語 é é 🎬.mp4"],
    ["spaces and plus signs", "a b/c+d  e%2Bf.mp4"],
    ["quotes and signs", `it's "quoted" (1)!*&=?#[x]@$,;:~'.mp4`],
    ["the longest key", "k".repeat(1024)],
  ])("takes keys with %s", async (_case, key) => {
    const sink = subject.sink();
    await deliver(sink, key, Buffer.from(key));
    expect((await fetchBack(sink, key)).bytes.toString()).toBe(key);
    await sink.delete(key);
    expect((await fetchBack(sink, key)).status).toBe(404);
    await sink.delete(key);
  });

  it("signs links that name the saved file and that expire", async () => {
    await deliver(subject.sink(), "linked", Buffer.from("linked"));
    const link = await subject.sink().signGet("linked", 60, "Ünï 'x'.mp4");
    expect(decodeURIComponent(link)).toContain("attachment; filename*=UTF-8''%C3%9Cn%C3%AF%20%27x%27.mp4");
    const response = await fetch(link);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    const anHourAgo = { ...impatient, now: () => Date.now() - 3_600_000 };
    const expired = await fetch(await subject.sink({ clock: anHourAgo }).signGet("linked", 60));
    expect([400, 401, 403]).toContain(expired.status);
    await expired.arrayBuffer();
  });

  it("has limits that a part size can be chosen from", () => {
    const { limits } = subject.sink();
    expect(partSizeFor(undefined, limits)).toBeGreaterThanOrEqual(limits.minBytes);
    expect(partSizeFor(100 * 2 ** 30, limits)).toBeLessThanOrEqual(limits.maxBytes);
  });
});
