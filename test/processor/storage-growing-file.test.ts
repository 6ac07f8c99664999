import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { appendFile, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { S3ObjectStore } from "../../processor/storage/s3/s3.ts";
import { Hasher } from "../../processor/storage/uploads/hasher.ts";
import { PartUploader } from "../../processor/storage/uploads/part-uploader.ts";
import { uploadGrowingFile } from "../../processor/storage/uploads/upload-growing-file.ts";
import { media, patternedBytes } from "../support/media.ts";
import { type S3Server, startS3 } from "../support/s3-server.ts";

const MiB = 1 << 20;
const PART = 5 * MiB;
const agent = new http.Agent({ keepAlive: true });
const never = new AbortController().signal;
const hasher = new Hasher();
let server: S3Server;
let store: S3ObjectStore;
let folder: string;

beforeAll(async () => {
  server = await startS3();
  store = new S3ObjectStore({ ...server, addressing: "path", agentFor: () => agent });
  folder = await mkdtemp(join(tmpdir(), "growing-"));
});
afterAll(async () => {
  agent.destroy();
  await hasher.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function uploaderFor(key: string, onProgress?: (bytes: number) => void) {
  const upload = await store.open({ key, contentType: "video/mp4" }, never);
  return new PartUploader({
    upload,
    limits: store.limits,
    partBytes: PART,
    signal: never,
    digest: null,
    ...(onProgress ? { onProgress } : {}),
  });
}

const delivered = async (key: string) => {
  const response = await fetch(await store.signGet(key, 60));
  return Buffer.from(await response.arrayBuffer());
};
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

describe("a file that is uploaded while it grows", () => {
  it("is sent part by part as it is appended to", async () => {
    const path = join(folder, "appended");
    await writeFile(path, "");
    const stored = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const uploader = await uploaderFor("appended", () => stored.resolve());
    const { result } = uploadGrowingFile(uploader, { path, done: done.promise, headBytes: 0, hasher });
    const bytes = patternedBytes(3 * PART + 99);
    await appendFile(path, bytes.subarray(0, 2 * PART + 10));
    await stored.promise;
    await appendFile(path, bytes.subarray(2 * PART + 10));
    done.resolve();
    expect(await result).toMatchObject({ bytes: bytes.length, parts: 4, sha256: sha256(bytes) });
    expect((await delivered("appended")).equals(bytes)).toBe(true);
  });

  it("holds its head back until the end", async () => {
    const path = join(folder, "headed");
    const bytes = patternedBytes(4 * PART);
    await writeFile(path, bytes);
    const order: number[] = [];
    const done = Promise.withResolvers<void>();
    const stored = Promise.withResolvers<void>();
    const uploader = await uploaderFor("headed", (total) => {
      order.push(total);
      stored.resolve();
    });
    const growing = uploadGrowingFile(uploader, { path, done: done.promise, headBytes: PART + 1, hasher });
    growing.poke();
    await stored.promise;
    expect(order).toEqual([PART]);
    const handle = await open(path, "r+");
    await handle.write(Buffer.from("the head comes last"), 0, 19, 0);
    await handle.close();
    done.resolve();
    const final = await readFile(path);
    expect((await growing.result).sha256).toBe(sha256(final));
    expect((await delivered("headed")).subarray(0, 19).toString()).toBe("the head comes last");
  });

  it("may be empty or smaller than a part", async () => {
    for (const size of [0, 5]) {
      const path = join(folder, `small-${size}`);
      await writeFile(path, Buffer.alloc(size, 1));
      const uploader = await uploaderFor(`small-${size}`);
      const file = { path, done: Promise.resolve(), headBytes: 64 << 10, hasher };
      expect(await uploadGrowingFile(uploader, file).result).toMatchObject({ bytes: size, parts: 1 });
      expect((await delivered(`small-${size}`)).length).toBe(size);
    }
  });

  it("fails with the writer and leaves nothing behind", async () => {
    const path = join(folder, "failed");
    await writeFile(path, patternedBytes(3 * PART));
    const failure = new Error("the muxer failed");
    const uploader = await uploaderFor("failed");
    const { result } = uploadGrowingFile(uploader, {
      path,
      done: Promise.reject(failure),
      headBytes: 0,
      hasher,
    });
    await expect(result).rejects.toBe(failure);
    expect(await server.unfinishedUploads()).toEqual([]);
  });

  it("fails with the storage although the writer continues", async () => {
    const path = join(folder, "refused");
    await writeFile(path, patternedBytes(3 * PART));
    const uploader = await uploaderFor("refused");
    const upload = (await server.unfinishedUploads()).includes("refused");
    expect(upload).toBe(true);
    const writing = new Promise(() => {});
    const growing = uploadGrowingFile(uploader, { path, done: writing, headBytes: 0, hasher });
    const stop = new Error("storage went away");
    await uploader.abort(stop);
    await expect(growing.result).rejects.toBe(stop);
    expect(await server.unfinishedUploads()).toEqual([]);
  });

  it("is an index-first mp4 that plays, muxed by ffmpeg in one pass", async () => {
    const input = await media("mp4-index-last", { seconds: 20, videoBitrate: 12_000_000 });
    const path = join(folder, "muxed.mp4");
    await writeFile(path, "");
    const headBytes = 128 << 10;
    const args = ["-nostdin", "-v", "error", "-xerror", "-y", "-i", input, "-c", "copy"];
    const muxer = spawn("ffmpeg", [...args, "-moov_size", String(headBytes), "-f", "mp4", path]);
    const done = once(muxer, "close").then(([code]) => expect(code).toBe(0));
    const uploader = await uploaderFor("muxed");
    const { sha256: digest, parts } = await uploadGrowingFile(uploader, { path, done, headBytes, hasher })
      .result;
    expect(parts).toBeGreaterThan(3);
    const object = await delivered("muxed");
    expect(sha256(object)).toBe(digest);
    expect(object.equals(await readFile(path))).toBe(true);
    expect(object.indexOf("moov")).toBeLessThan(object.indexOf("mdat"));
  });
});
