import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { Fault } from "../../processor/fault.ts";
import type { RetryClock } from "../../processor/retry.ts";
import type { NewObject, ObjectStore, Upload } from "../../processor/storage/object-store.ts";
import type { TransportOptions } from "../../processor/storage/transport.ts";
import { Hasher } from "../../processor/storage/uploads/hasher.ts";
import { partSizeFor } from "../../processor/storage/uploads/part-size.ts";
import { PartUploader } from "../../processor/storage/uploads/part-uploader.ts";
import { type CopyingUpload, PartsCopy } from "../../processor/storage/uploads/parts-copy.ts";
import { uploadGrowingFile } from "../../processor/storage/uploads/upload-growing-file.ts";
import type { StorageTarget } from "../../schema/wire/run.ts";
import { openStorageClient } from "../../worker/services/storage/open-store.ts";
import { type Disturbance, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { inlineDigest } from "../support/inline-digest.ts";
import type { LargeUpload, LargeUploadResult } from "../support/large-upload.ts";
import { listen } from "../support/ports.ts";
import { uploadStream } from "../support/upload-stream.ts";

/** What a test changes about an object store. */
export interface StoreChange {
  /** Replaces scheme, host and port of the storage. */
  readonly origin?: string;
  readonly secret?: string;
  readonly bucket?: string;
  readonly agentFor?: TransportOptions["agentFor"];
}

/** What a server must offer to run the suite. */
export interface Subject {
  store(change?: StoreChange): ObjectStore;
  /** What the Worker would send for {@link object store}. */
  target(): StorageTarget;
  /** Scheme, host and port of the server, as the test reaches it. */
  origin(): string;
  /** Recognises the request that stores a part (index from 0), and the one that completes an upload. */
  isPart(request: string, index: number | undefined, headers: http.IncomingHttpHeaders): boolean;
  isComplete(request: string, headers: http.IncomingHttpHeaders): boolean;
  /** Recognises the request that stores a whole object. */
  isWhole(request: string): boolean;
  /** Keys of unfinished uploads, from the server's own records. */
  unfinished(): Promise<string[]>;
  /** Texts that must never appear in an error. */
  secrets(): string[];
  /** A link that reads an object. */
  link(key: string): Promise<string | null>;
  /** Reads through a link that was signed an hour ago for one minute; absent where links cannot be signed. */
  readExpired?(key: string): Promise<ReadObject>;
  /** The error codes for a wrong secret and for a missing bucket. */
  readonly causes: { readonly secret: RegExp; readonly bucket: RegExp };
  /** A wrong secret of the right form. */
  readonly wrongSecret: string;
  /** What happens to parts that are sent after the upload was aborted. */
  readonly lateParts: "refused" | "useless";
  /** Whether parts are sent in parallel or one after the other. */
  readonly parts: "parallel" | "in order";
  /** Whether an object has its own disposition; if not, its name serves. */
  readonly keepsDisposition: boolean;
  /** Whether {@link ObjectStore.listUploads} works on this server. */
  readonly listsUploads: boolean;
  /** Whether a link that asks for a file name gets it on this server. */
  readonly namesFiles: boolean;
  /**
   * How stored objects are copied: part by part, so that nothing is visible before the end and a copy can be aborted; whole;
   * or whole under another name, which is changed at the end. `never`: the service copies the list of parts instead.
   */
  readonly copies: "parts" | "whole" | "renamed" | "never";
  /** Length of the longest allowed key, in bytes. */
  readonly longestKey: number;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReadObject {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Retries happen at once: the unit tests cover the delays. */
export const impatient: RetryClock = { sleep: async () => {}, random: () => 0, now: Date.now };

/** A resolver that knows one address. */
export const toLoopback = async () => [{ address: "127.0.0.1", family: 4 } as const];

/** Reads a link from the server at `origin`, regardless of the host in the link. */
export async function readLink(link: string | null, origin: string): Promise<ReadObject> {
  const response = await followLink(link, origin);
  const bytes = Buffer.concat(await response.toArray());
  return { status: response.statusCode ?? 0, headers: response.headers, bytes };
}

function followLink(link: string | null, origin: string): Promise<http.IncomingMessage> {
  if (link === null) throw new Error("no link could be signed");
  const url = new URL(link);
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    http.get(url, { hostname, port, headers: { host: url.host }, agent: false }, resolve).on("error", reject);
  });
}

/** A `fetch` that asks the server at `origin`, regardless of the host in the URL. */
const fetchAt =
  (origin: string): typeof fetch =>
  async (input, init) => {
    const { url, method, headers } = new Request(input, init);
    const { hostname, port } = new URL(origin);
    const target = { hostname, port, method, agent: false };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const all = { ...Object.fromEntries(headers), host: new URL(url).host };
      http
        .request(url, { ...target, headers: all }, resolve)
        .on("error", reject)
        .end(init?.body);
    });
    const body = Buffer.concat(await response.toArray());
    const { statusCode: status = 500 } = response;
    const answered = Object.entries(response.headers).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]);
    return new Response(status === 204 ? null : body, { status, headers: answered });
  };

/** Runs `test/support/large-upload.ts`. */
async function uploadElsewhere(order: LargeUpload): Promise<LargeUploadResult> {
  const program = fileURLToPath(new URL("../support/large-upload.ts", import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(order));
  return JSON.parse(await text(child.stdout));
}

/** The server may have to be installed first. */
const START_MS = 180_000;

/** What every object store must do, on a real server or a strict double. */
export function conformance(name: string, subject: Subject): void {
  describe(`the object store on ${name}`, () => {
    beforeAll(() => subject.start(), START_MS);
    afterAll(() => subject.stop());
    const proxies: FaultyProxy[] = [];
    afterEach(async () => {
      for (const proxy of proxies.splice(0)) await proxy.close();
    });

    const disturbed = async (
      disturb: (request: string, headers: http.IncomingHttpHeaders) => Disturbance,
    ) => {
      const proxy = await startFaultyProxy(subject.origin(), disturb);
      proxies.push(proxy);
      return { proxy, store: subject.store({ origin: proxy.origin }) };
    };

    const read = async (key: string) => readLink(await subject.link(key), subject.origin());
    const object = (key: string): NewObject => ({ key, contentType: "application/octet-stream" });
    const never = new AbortController().signal;

    async function uploader(store: ObjectStore, key: string, signal = never): Promise<PartUploader> {
      const upload = await store.open(object(key), signal);
      const partBytes = part();
      return new PartUploader({ upload, limits: store.limits, partBytes, signal, digest: inlineDigest() });
    }

    async function* inChunks(bytes: Buffer, chunkBytes = 64 << 10): AsyncGenerator<Buffer> {
      for (let start = 0; start < bytes.length; start += chunkBytes)
        yield bytes.subarray(start, start + chunkBytes);
    }

    const deliver = async (store: ObjectStore, key: string, bytes: Buffer, signal = never) =>
      uploadStream(await uploader(store, key, signal), inChunks(bytes));

    const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    const part = () => Math.max(256 << 10, subject.store().limits.minBytes);

    const sizes: [string, () => number, number][] = [
      ["an empty object", () => 0, 1],
      ["a small object", () => 5, 1],
      ["exactly one part", () => part(), 1],
      ["one byte more than a part", () => part() + 1, 2],
      ["many parts", () => 5 * part() + 12_345, 6],
    ];
    it.each(sizes)("delivers %s from a stream of unknown length", async (name, size, parts) => {
      const store = subject.store();
      const bytes = randomBytes(size());
      const result = await deliver(store, `sizes/${name}`, bytes);
      expect(result).toMatchObject({ bytes: bytes.length, parts, sha256: sha256(bytes), retries: 0 });
      const back = await read(`sizes/${name}`);
      expect(back.status).toBe(200);
      expect(sha256(back.bytes)).toBe(sha256(bytes));
    });

    it("asks for nothing more if it connects ahead", async () => {
      const requestsFor = async (key: string, isAhead: boolean) => {
        let requests = 0;
        const { store } = await disturbed(() => {
          requests++;
          return "pass";
        });
        if (isAhead) store.connect();
        const bytes = randomBytes(1000);
        await deliver(store, key, bytes);
        expect((await read(key)).bytes).toEqual(bytes);
        return requests;
      };
      const usual = await requestsFor("not ahead", false);
      expect(await requestsFor("ahead", true)).toBe(usual);
    });

    it("keeps content type and disposition", async () => {
      const store = subject.store();
      const contentDisposition = 'attachment; filename="a b.mp4"';
      const upload = await store.open(
        { key: "typed.mp4", contentType: "video/mp4", contentDisposition },
        never,
      );
      await upload.putPart(0, [Buffer.from("x")], never);
      await upload.complete();
      const { headers } = await read("typed.mp4");
      expect(headers["content-type"]).toBe("video/mp4");
      if (subject.keepsDisposition) expect(headers["content-disposition"]).toBe(contentDisposition);
    });

    it("stores a small object with one request, whatever happens to the first attempt", async () => {
      let tries = 0;
      const { store } = await disturbed((request) =>
        subject.isWhole(request) && tries++ === 0 ? { status: 503 } : "pass",
      );
      const bytes = randomBytes(300_000);
      const contentDisposition = 'attachment; filename="a b.bin"';
      const small = { key: "at once/ü.bin", contentType: "video/mp4", contentDisposition };
      await store.put(small, [bytes.subarray(0, 1), bytes.subarray(1)], never);
      const back = await read(small.key);
      expect(sha256(back.bytes)).toBe(sha256(bytes));
      expect(back.headers["content-type"]).toBe("video/mp4");
      if (subject.keepsDisposition) {
        expect(back.headers["content-disposition"]).toBe(contentDisposition);
      }
      expect(tries).toBe(2);
      expect(await subject.unfinished()).toEqual([]);
    });

    it("assembles parts that arrive out of order", async () => {
      const store = subject.store();
      const bytes = randomBytes(3 * part() + 7);
      const target = await uploader(store, "shuffled");
      const slots = [];
      for (let index = 0; index < 4; index++) slots.push(await target.reserve(index));
      for (const index of [3, 1, 2, 0]) {
        slots[index]?.submit([bytes.subarray(index * part(), (index + 1) * part())]);
      }
      expect((await target.finish()).sha256).toBe(sha256(bytes));
      expect(sha256((await read("shuffled")).bytes)).toBe(sha256(bytes));
    });

    it("delivers a file whose front is written last, with more parts than there are slots", async () => {
      const store = subject.store();
      const bytes = randomBytes(7 * part() + 7);
      const folder = await mkdtemp(join(tmpdir(), "front-last-"));
      const hasher = new Hasher();
      try {
        const path = join(folder, "file");
        await writeFile(path, bytes);
        const upload = await store.open(object("front last"), never);
        const { limits } = store;
        const target = new PartUploader({ upload, limits, partBytes: part(), signal: never, digest: null });
        const file = { path, done: Promise.resolve(), headBytes: 100, hasher };
        expect((await uploadGrowingFile(target, file).result).sha256).toBe(sha256(bytes));
      } finally {
        await hasher.close();
        await rm(folder, { recursive: true });
      }
      expect(sha256((await read("front last")).bytes)).toBe(sha256(bytes));
    });

    it("reads no further than its slots while the storage is slow", async () => {
      const gate = Promise.withResolvers<void>();
      const arrived = Promise.withResolvers<void>();
      const lastInFlight = subject.parts === "parallel" ? 3 : 0;
      const { store } = await disturbed((request, headers) => {
        if (!subject.isPart(request, undefined, headers)) return "pass";
        if (subject.isPart(request, lastInFlight, headers)) arrived.resolve();
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
      const uploading = uploadStream(await uploader(store, "slow"), counted());
      await arrived.promise;
      expect(produced).toBeLessThanOrEqual(4 * part() + (64 << 10));
      gate.resolve();
      expect((await uploading).bytes).toBe(bytes.length);
    });

    const passing: [string, Disturbance][] = [
      ["a cut connection", "cut"],
      ["a lost response", "lose-answer"],
      ["a 500", { status: 500 }],
      ["a 503 that asks to slow down", { status: 503, headers: { "retry-after": "1" } }],
      ["a 429", { status: 429 }],
    ];
    it.each(passing)("repeats a part after %s", async (name, disturbance) => {
      let left = 2;
      const { store } = await disturbed((request, headers) =>
        subject.isPart(request, 1, headers) && left-- > 0 ? disturbance : "pass",
      );
      const bytes = randomBytes(2 * part() + 1);
      const result = await deliver(store, `repeated/${name}`, bytes);
      expect(result.retries).toBe(2);
      expect(sha256((await read(`repeated/${name}`)).bytes)).toBe(sha256(bytes));
    });

    it("recognises its own object when the response to the completion was lost", async () => {
      let lost = false;
      const { store } = await disturbed((request, headers) => {
        if (lost || !subject.isComplete(request, headers)) return "pass";
        lost = true;
        return "lose-answer";
      });
      const result = await deliver(store, "completed-twice", Buffer.from("once"));
      expect(result.retries).toBe(1);
      expect((await read("completed-twice")).bytes.toString()).toBe("once");
    });

    const refusal = { status: 403, headers: { "x-ms-error-code": "AuthorizationPermissionMismatch" } };

    it("draws no conclusion from a refusal to read the object when the response to the completion was lost", async () => {
      let lost = false;
      const { store } = await disturbed((request, headers) => {
        if (lost && request.startsWith("HEAD ")) return refusal;
        if (lost || !subject.isComplete(request, headers)) return "pass";
        lost = true;
        return "lose-answer";
      });
      await deliver(store, "completed-unread", Buffer.from("once"));
      expect((await read("completed-unread")).bytes.toString()).toBe("once");
      expect(await subject.unfinished()).toEqual([]);
    });

    it("completes again when no attempt has reached the storage", async () => {
      let tries = 0;
      // as many as one round holds
      const { store } = await disturbed((request, headers) =>
        subject.isComplete(request, headers) && tries++ < 6 ? "cut" : "pass",
      );
      await deliver(store, "completed-late", Buffer.from("late"));
      expect((await read("completed-late")).bytes.toString()).toBe("late");
      expect(tries).toBe(7);
    });

    it("repeats what the storage found to be damaged in transit", async () => {
      let left = 1;
      const body = "<Error><Code>BadDigest</Code><Message>changed</Message></Error>";
      const changed = { status: 400, headers: { "x-ms-error-code": "Md5Mismatch" }, body };
      const { store } = await disturbed((request, headers) =>
        subject.isPart(request, undefined, headers) && left-- > 0 ? changed : "pass",
      );
      const result = await deliver(store, "changed", Buffer.from("whole"));
      expect(result.retries).toBe(1);
      expect((await read("changed")).bytes.toString()).toBe("whole");
    });

    it("leaves nothing behind when a part fails for good", async () => {
      const { store } = await disturbed((request, headers) =>
        subject.isPart(request, 1, headers) ? { status: 500 } : "pass",
      );
      const failing = deliver(store, "failed", randomBytes(4 * part()));
      await expect(failing).rejects.toMatchObject({ code: "upload_failed" });
      expect(await subject.unfinished()).toEqual([]);
      expect(await store.listUploads("failed")).toEqual([]);
      expect((await read("failed")).status).toBe(404);
    });

    it("leaves nothing behind when the source fails", async () => {
      const store = subject.store();
      const broken = new Error("the source broke");
      async function* source() {
        yield randomBytes(part() + 1);
        throw broken;
      }
      await expect(uploadStream(await uploader(store, "broken"), source())).rejects.toBe(broken);
      expect(await subject.unfinished()).toEqual([]);
    });

    it("stops at once on cancel and leaves nothing behind", async () => {
      const cancel = new AbortController();
      const reason = new Error("cancelled by a test");
      const { store } = await disturbed((request, headers) => {
        if (!subject.isPart(request, 1, headers)) return "pass";
        cancel.abort(reason);
        return { until: new Promise(() => {}) };
      });
      await expect(deliver(store, "cancelled", randomBytes(6 * part()), cancel.signal)).rejects.toBe(reason);
      expect(await subject.unfinished()).toEqual([]);
      expect((await read("cancelled")).status).toBe(404);
    });

    it("publishes nothing if permission to publish is refused", async () => {
      const store = subject.store();
      const lost = new Error("lease lost");
      const target = await uploader(store, "unpublished");
      (await target.reserve(0)).submit([Buffer.from("zombie")]);
      await expect(target.finish({ beforePublish: () => Promise.reject(lost) })).rejects.toBe(lost);
      expect(await subject.unfinished()).toEqual([]);
      expect((await read("unpublished")).status).toBe(404);
    });

    const late = async (upload: Upload) => {
      const stored = upload.putPart(1, [Buffer.from("late")], never);
      if (subject.lateParts === "refused")
        await expect(stored).rejects.toMatchObject({ code: "upload_failed" });
      else await stored;
    };

    it("lets the next run abort the upload of the one before, which then cannot complete it", async () => {
      const zombie = await subject.store().open(object("fenced"), never);
      await zombie.putPart(0, [Buffer.from("old")], never);
      await subject.store().abort("fenced", zombie.ref);
      await subject.store().abort("fenced", zombie.ref);
      expect(await subject.unfinished()).toEqual([]);
      expect((await read("fenced")).status).toBe(404);
      await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
      await deliver(subject.store(), "fenced", Buffer.from("new"));
      await late(zombie);
      await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
      await zombie.abort();
      expect((await read("fenced")).bytes.toString()).toBe("new");
      await subject.store().delete("fenced");
    });

    it("overwrites no object through an upload that was aborted, and leaves the object alone", async () => {
      const store = subject.store();
      await deliver(store, "overwritten", Buffer.from("first"));
      const zombie = await store.open(object("overwritten"), never);
      await zombie.putPart(0, [Buffer.from("zombie")], never);
      await subject.store().abort("overwritten", zombie.ref);
      await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
      expect((await read("overwritten")).bytes.toString()).toBe("first");
      await deliver(subject.store(), "overwritten", Buffer.from("second"));
      expect((await read("overwritten")).bytes.toString()).toBe("second");
      expect(await subject.unfinished()).toEqual([]);
    });

    it("does nothing when an upload is aborted that was completed", async () => {
      const upload = await subject.store().open(object("completed"), never);
      await upload.putPart(0, [Buffer.from("done")], never);
      await upload.complete();
      await subject.store().abort("completed", upload.ref);
      expect((await read("completed")).bytes.toString()).toBe("done");
    });

    it("lists which uploads of a key were left behind", async () => {
      const before = Date.now();
      const left = await subject.store().open(object("left"), never);
      const neighbour = await subject.store().open(object("left-over"), never);
      const found = await subject.store().listUploads("left");
      if (subject.listsUploads) {
        expect(found.map(({ ref }) => ref)).toEqual([left.ref]);
        expect(Math.abs((found[0]?.startedAt ?? 0) - before)).toBeLessThan(60_000);
      } else {
        expect(found).toEqual([]);
      }
      await subject.store().abort("left", left.ref);
      await subject.store().abort("left-over", neighbour.ref);
      expect(await subject.unfinished()).toEqual([]);
    });

    const isCopying = (request: string, headers: http.IncomingHttpHeaders) =>
      Object.keys(headers).some((name) => name.endsWith("-copy-source")) || /\/copy\?/.test(request);
    const copyTo = async (store: ObjectStore, from: string, to: string) => {
      const source = await store.find(from, never);
      if (source === null) throw new Error(`${from} is not there`);
      const copy = await store.openCopy({ key: to, contentType: "video/mp4" }, source, never);
      try {
        await copy.transfer(never);
        await copy.complete();
      } catch (error) {
        await copy.abort();
        throw error;
      }
      return copy;
    };
    const found = async (key: string) => (await subject.store().find(key, never)) !== null;

    if (subject.copies === "never") {
      it("keeps the former object when the service copies something else than the source", async () => {
        const store = subject.store();
        await deliver(store, "uncopied source", randomBytes(300_000));
        await deliver(store, "kept", Buffer.from("kept"));
        const copy = copyTo(store, "uncopied source", "kept");
        await expect(copy).rejects.toMatchObject({ code: "upload_failed" });
        expect((await read("kept")).bytes.toString()).toBe("kept");
        expect(await subject.unfinished()).toEqual([]);
      });
    } else {
      it.each([
        ["an empty object", 0],
        ["a small object", 300_000],
      ])("copies %s to any key, with a content type of its own", async (name, size) => {
        const store = subject.store();
        const bytes = randomBytes(size);
        const [from, to] = [`from/${name} ü+&.bin`, `to/日本語 ${name}+'&.mp4`];
        await deliver(store, from, bytes);
        expect(await store.find(from, never)).toMatchObject({ key: from, bytes: size });
        await copyTo(store, from, to);
        const copied = await read(to);
        expect(sha256(copied.bytes)).toBe(sha256(bytes));
        expect(copied.headers["content-type"]).toBe("video/mp4");
        expect(sha256((await read(from)).bytes)).toBe(sha256(bytes));
        expect(await subject.unfinished()).toEqual([]);
        expect((await store.find(to, never))?.bytes).toBe(size);
      });

      if (subject.copies === "parts") {
        it("copies a large object in parts", async () => {
          const store = subject.store();
          const bytes = randomBytes(3 * part() + 4711);
          await deliver(store, "large-source", bytes);
          const source = await store.find("large-source", never);
          const upload = await store.open(object("large-copy"), never);
          if (source === null || !("copyPart" in upload)) throw new Error("cannot copy");
          const copy = new PartsCopy(store, upload as CopyingUpload, source, part());
          await copy.transfer(never);
          await copy.complete();
          expect(sha256((await read("large-copy")).bytes)).toBe(sha256(bytes));
        });
      }

      it("replaces an object by a copy at its completion, not before", async () => {
        const store = subject.store();
        await deliver(store, "copied", Buffer.from("new"));
        await deliver(store, "replaced-by-copy", Buffer.from("old"));
        const source = await store.find("copied", never);
        if (source === null) throw new Error("not there");
        const copy = await store.openCopy(object("replaced-by-copy"), source, never);
        await copy.transfer(never);
        expect((await read("replaced-by-copy")).bytes.toString()).toBe("old");
        await copy.complete();
        expect((await read("replaced-by-copy")).bytes.toString()).toBe("new");
      });

      it("copies nothing else than what was found under the key", async () => {
        const store = subject.store();
        expect(await store.find("never-stored", never)).toBeNull();
        await deliver(store, "changing", Buffer.from("first"));
        const source = await store.find("changing", never);
        await deliver(store, "changing", Buffer.from("other"));
        if (source === null) throw new Error("not there");
        const finish = async () => {
          const copy = await store.openCopy(object("copy-of-changed"), source, never);
          try {
            await copy.transfer(never);
            await copy.complete();
          } catch (error) {
            await copy.abort();
            throw error;
          }
        };
        await expect(finish()).rejects.toMatchObject({ code: "upload_failed" });
        expect(await found("copy-of-changed")).toBe(false);
        await store.delete("changing");
        await expect(finish()).rejects.toBeInstanceOf(Fault);
        expect(await found("copy-of-changed")).toBe(false);
        expect(await subject.unfinished()).toEqual([]);
      });

      it("lets the next run end a copy, which then cannot be completed", async () => {
        const store = subject.store();
        await deliver(store, "fence-source", Buffer.from("copied"));
        const source = await store.find("fence-source", never);
        if (source === null) throw new Error("not there");
        const zombie = await store.openCopy(object("fenced-copy"), source, never);
        await zombie.transfer(never);
        await subject.store().abort("fenced-copy", zombie.ref);
        await subject.store().abort("fenced-copy", zombie.ref);
        if (subject.copies === "whole") await deliver(subject.store(), "fenced-copy", Buffer.from("new"));
        await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
        if (subject.copies !== "whole") expect(await found("fenced-copy")).toBe(false);
        else expect((await read("fenced-copy")).bytes.toString()).toBe("new");
        expect(await subject.unfinished()).toEqual([]);
      });

      it("lets the edge end a copy of a cancelled job", async () => {
        const store = subject.store();
        await deliver(store, "edge-source", Buffer.from("copied"));
        const source = await store.find("edge-source", never);
        if (source === null) throw new Error("not there");
        const copy = await store.openCopy(object("edge-copy"), source, never);
        await copy.transfer(never);
        const edge = openStorageClient(subject.target(), {
          fetch: fetchAt(subject.origin()),
          clock: Date.now,
        });
        await edge.abortUpload("edge-copy", copy.ref);
        await edge.abortUpload("edge-copy", copy.ref);
        expect(await found("edge-copy")).toBe(false);
        expect(await subject.unfinished()).toEqual([]);
      });

      // S3 sends the head of its response before it copies
      const error = "<Error><Code>InternalError</Code><Message>Please try again.</Message></Error>";
      const copyFaults: [string, Disturbance][] = [
        ["a cut connection", "cut"],
        ["a lost response", "lose-answer"],
        ["a 503", { status: 503 }],
        ["a 200 with an error in its body", { status: 200, body: error }],
      ];
      it.each(copyFaults)("repeats a copy after %s", async (name, disturbance) => {
        // Azure and Drive answer with a status
        const isXml = ["s3", "gcs", "oss"].includes(subject.target().provider);
        let left = typeof disturbance === "object" && "body" in disturbance && !isXml ? 0 : 1;
        const { store } = await disturbed((request, headers) =>
          isCopying(request, headers) && left-- > 0 ? disturbance : "pass",
        );
        const bytes = randomBytes(100_000);
        await deliver(store, `copy-source/${name}`, bytes);
        await copyTo(store, `copy-source/${name}`, `copy-repeated/${name}`);
        expect(sha256((await read(`copy-repeated/${name}`)).bytes)).toBe(sha256(bytes));
        expect(await subject.unfinished()).toEqual([]);
      });

      it("leaves nothing behind when the storage refuses to copy", async () => {
        const headers = { "x-ms-error-code": "CannotVerifyCopySource" };
        const body = "<Error><Code>NotImplemented</Code><Message>No copies here</Message></Error>";
        const { store } = await disturbed((request, sent) =>
          isCopying(request, sent) ? { status: 501, headers, body } : "pass",
        );
        await deliver(store, "uncopied", Buffer.from("x"));
        await expect(copyTo(store, "uncopied", "never-copied")).rejects.toBeInstanceOf(Fault);
        expect(await found("never-copied")).toBe(false);
        expect(await subject.unfinished()).toEqual([]);
      });
    }

    const refusedBy = async (store: ObjectStore) => {
      const error = await store.open(object("refused"), never).catch((caught) => caught);
      expect(error).toMatchObject({ code: "upload_refused" });
      for (const secret of [...subject.secrets(), subject.wrongSecret]) {
        expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toContain(
          secret,
        );
      }
      return error.detail;
    };

    it("refuses a wrong secret with its own error code, and reveals no secrets", async () => {
      expect(await refusedBy(subject.store({ secret: subject.wrongSecret }))).toMatch(subject.causes.secret);
    });

    it("refuses a missing bucket with its own error code, and reveals no secrets", async () => {
      expect(await refusedBy(subject.store({ bucket: "no-such-bucket" }))).toMatch(subject.causes.bucket);
    });

    it("repeats no request that was refused", async () => {
      const headers = { "x-ms-error-code": "AccessDenied" };
      const body = "<Error><Code>AccessDenied</Code><Message>Access &amp; rights</Message></Error>";
      const { store, proxy } = await disturbed(() => ({ status: 403, headers, body }));
      expect(await refusedBy(store)).toMatch(/^AccessDenied \(403\)/);
      expect(proxy.requests).toHaveLength(1);
    });

    it("connects to no address that the policy forbids", async () => {
      let dialled = 0;
      const trap = http.createServer().on("connection", () => dialled++);
      const port = await listen(trap);
      const policy = new EgressPolicy({ opened: new Set(), lookup: toLoopback });
      for (const host of ["127.0.0.1", "rebound.example.com"]) {
        const agentFor: TransportOptions["agentFor"] = (protocol) => policy.agentFor(protocol);
        const store = subject.store({ origin: `http://${host}:${port}`, agentFor });
        expect(await refusedBy(store)).toMatch(/^EgressBlocked: .*loopback address/);
        await expect(store.delete("k")).rejects.toMatchObject({ code: "upload_refused" });
      }
      expect(dialled).toBe(0);
      policy.close();
      await new Promise((resolve) => trap.close(resolve));
    });

    it.each([
      ["Unicode", "папка/日本語 é é 🎬.mp4"],
      ["spaces and plus signs", "a b/c+d  e%2Bf.mp4"],
      ["quotes and signs", `it's "quoted" (1)!*&=?#[x]@$,;:~'.mp4`],
      ["as many bytes as may be", "k".repeat(subject.longestKey)],
    ])("accepts keys with %s", async (_case, key) => {
      const store = subject.store();
      await deliver(store, key, Buffer.from(key));
      expect((await read(key)).bytes.toString()).toBe(key);
      await store.delete(key);
      expect((await read(key)).status).toBe(404);
      await store.delete(key);
    });

    const { readExpired } = subject;
    if (readExpired) {
      it("signs links that name the saved file and that expire", async () => {
        await deliver(subject.store(), "linked", Buffer.from("linked"));
        const link = await subject.store().signGet("linked", 60, "Ünï 'x'.mp4");
        const read = await readLink(link, subject.origin());
        expect(read.status).toBe(200);
        const named = subject.namesFiles
          ? read.headers["content-disposition"]
          : decodeURIComponent(link ?? "");
        expect(named).toContain("attachment; filename*=UTF-8''%C3%9Cn%C3%AF%20%27x%27.mp4");
        const tampered = await readLink(link?.replace("linked", "typed.mp4") ?? null, subject.origin());
        expect([400, 401, 403]).toContain(tampered.status);
        expect([400, 401, 403]).toContain((await readExpired("linked")).status);
      });

      it("is listed and emptied by the edge, one folder and nothing next to it", async () => {
        const folder = "videos/Ü & 'co' <x>/.recordings/job";
        for (const key of [`${folder}/1/0`, `${folder}/1/1`, `${folder}/2/0`, `${folder}-other/1/0`]) {
          await deliver(subject.store(), key, Buffer.from(key));
        }
        const store = openStorageClient(subject.target(), {
          fetch: fetchAt(subject.origin()),
          clock: Date.now,
        });
        const keys = await store.listKeys(`${folder}/`);
        expect(keys.toSorted()).toEqual([`${folder}/1/0`, `${folder}/1/1`, `${folder}/2/0`]);
        for (const key of keys) await store.deleteObject(key);
        expect(await store.listKeys(`${folder}/`)).toEqual([]);
        expect((await read(`${folder}-other/1/0`)).status).toBe(200);
      });
    } else {
      it("signs no link that would give away its own permissions", async () => {
        expect(await subject.store().signGet("linked", 60)).toBeNull();
      });
    }

    if (process.env.WATERSPOUT_LARGE_UPLOADS) {
      it("streams 5 GiB in less than 256 MiB", { timeout: 1_800_000 }, async () => {
        const target = subject.target();
        const { host } = new URL(target.endpoint);
        const bytes = 5 * 2 ** 30 + 1;
        const opened = [host, `media.${host}`];
        const result = await uploadElsewhere({ target, key: "large", bytes, opened });
        console.log(`${name}: ${JSON.stringify(result)}`);
        const hash = createHash("sha256");
        for await (const chunk of await followLink(await subject.link("large"), subject.origin())) {
          hash.update(chunk);
        }
        expect(result.sha256).toBe(hash.digest("hex"));
        expect(result.peakRssMiB).toBeLessThan(256);
        await subject.store().delete("large");
      });
    }

    it("has limits for which a part size can be chosen", () => {
      const { limits } = subject.store();
      expect(partSizeFor(undefined, limits)).toBeGreaterThanOrEqual(limits.minBytes);
      expect(partSizeFor(100 * 2 ** 30, limits)).toBeLessThanOrEqual(limits.maxBytes);
    });
  });
}
