import { randomBytes } from "node:crypto";
import http from "node:http";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import type { ObjectStore } from "../../processor/storage/object-store.ts";
import { OssObjectStore } from "../../processor/storage/oss/oss.ts";
import { Crc32Refusals } from "../../processor/storage/s3/crc32-refusals.ts";
import { S3ObjectStore, type S3Options } from "../../processor/storage/s3/s3.ts";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { targetOf } from "../../schema/storage/target.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { type OssDouble, startOssDouble } from "../support/oss-double.ts";
import { type S3Double, startS3Double } from "../support/s3-double.ts";
import { impatient, readLink } from "./storage-suite.ts";

/** Buckets as careful people configure them, and a storage that does not keep what it was given. */

const never = new AbortController().signal;
const agent = new http.Agent({ keepAlive: true });
const CREDENTIALS = { region: "eu-west-1", accessKeyId: "AK", secretAccessKey: "SK" };
let bucket: S3Double;
let ossBucket: OssDouble;

beforeAll(async () => {
  ossBucket = await startOssDouble();
});
beforeEach(async () => {
  bucket = await startS3Double();
});
afterEach(() => bucket.close());
afterAll(async () => {
  agent.destroy();
  await ossBucket.close();
});

const storeOf = (more: Partial<S3Options> = {}): S3ObjectStore =>
  new S3ObjectStore({
    ...{ endpoint: bucket.origin, bucket: bucket.bucket, addressing: "path", ...CREDENTIALS },
    ...{ agentFor: () => agent, clock: impatient, ...more },
  });

async function deliver(store: ObjectStore, key: string, parts: readonly Buffer[]): Promise<void> {
  const upload = await store.open({ key, contentType: "video/mp4" }, never);
  try {
    for (const [index, part] of parts.entries()) await upload.putPart(index, [part], never);
    await upload.complete();
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

const read = async (key: string) => readLink(await storeOf().signGet(key, 60), bucket.origin);
const parts = [randomBytes(5 << 20), randomBytes(1000)];
const whole = Buffer.concat(parts);

describe("a bucket with object lock", () => {
  it("gets a checksum with everything that is stored", async () => {
    bucket.rules.checksumRequired = true;
    await deliver(storeOf(), "locked", parts);
    await storeOf().put({ key: "piece", contentType: "video/mp4" }, parts, never);
    expect((await read("locked")).bytes.equals(whole)).toBe(true);
    expect((await read("piece")).bytes.equals(whole)).toBe(true);
  });
});

describe("a bucket whose policy requires encryption", () => {
  const headersRequired = { "x-amz-server-side-encryption": "aws:kms" };

  it("refuses uploads without it", async () => {
    bucket.rules.headersRequired = headersRequired;
    await expect(deliver(storeOf(), "plain", parts)).rejects.toMatchObject({
      code: "upload_refused",
      detail: expect.stringMatching(/^AccessDenied \(403\)/),
    });
    expect(bucket.unfinished()).toEqual([]);
  });

  it("accepts uploads and single objects that ask for it", async () => {
    bucket.rules.headersRequired = headersRequired;
    const options = { server_side_encryption: "aws:kms", kms_key_id: "alias/media" };
    await deliver(storeOf({ options }), "encrypted", parts);
    await storeOf({ options }).put({ key: "piece", contentType: "video/mp4" }, parts, never);
    expect((await read("encrypted")).headers).toMatchObject({
      "x-amz-server-side-encryption": "aws:kms",
      "x-amz-server-side-encryption-aws-kms-key-id": "alias/media",
    });
    expect((await read("piece")).headers).toMatchObject(headersRequired);
  });
});

describe("the options of an object", () => {
  it("are sent when its upload begins, and pieces get the bucket's storage class", async () => {
    const options = {
      ...{ server_side_encryption: "AES256", storage_class: "STANDARD_IA" },
      ...{ acl: "bucket-owner-full-control", tags: { team: "a b", "cost/centre": "ü" } },
    };
    await deliver(storeOf({ options }), "optional", parts);
    const asked = {
      "x-amz-server-side-encryption": "AES256",
      "x-amz-acl": "bucket-owner-full-control",
      "x-amz-tagging": "team=a%20b&cost%2Fcentre=%C3%BC",
    };
    expect(bucket.making()).toMatchObject({ ...asked, "x-amz-storage-class": "STANDARD_IA" });
    await storeOf({ options }).put({ key: "piece", contentType: "video/mp4" }, parts, never);
    expect(bucket.making()).toMatchObject(asked);
    expect(bucket.making()).not.toHaveProperty("x-amz-storage-class");
  });

  it("are signed for OSS, whose ACL is sent at the end", async () => {
    const options = {
      server_side_encryption: "KMS",
      kms_key_id: "k-1",
      acl: "public-read",
      tags: { a: "b c" },
    };
    const lookup = new http.Agent({
      lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
    });
    const store = new OssObjectStore({
      endpoint: `http://oss-${ossBucket.region}.example.com:${new URL(ossBucket.origin).port}`,
      ...{ bucket: ossBucket.bucket, region: ossBucket.region, options, clock: impatient },
      ...{ accessKeyId: ossBucket.accessKeyId, accessKeySecret: ossBucket.accessKeySecret },
      agentFor: () => lookup,
    });
    ossBucket.rules.checksumRequired = true;
    await deliver(store, "optional", parts);
    const { headers, bytes } = await readLink(await store.signGet("optional", 60), ossBucket.origin);
    expect(bytes.equals(whole)).toBe(true);
    expect(headers).toMatchObject({
      ...{ "x-oss-server-side-encryption": "KMS", "x-oss-server-side-encryption-key-id": "k-1" },
      ...{ "x-oss-object-acl": "public-read", "x-oss-tagging": "a=b%20c" },
    });
    lookup.destroy();
  });

  it("reach the requests from a caller's storage, with the token of temporary credentials", async () => {
    const guarded = await startS3Double("the/session+token==");
    const storage: InlineStorage = {
      ...{ provider: "s3", endpoint: guarded.origin, bucket: guarded.bucket, region: "eu-west-1" },
      ...{ access_key: "ASIAEXAMPLE", secret_key: "SK", session_token: "the/session+token==" },
      ...{ kms_key_id: "alias/media", tags: { team: "a" } },
    };
    const { openObjectStore } = await import("../../processor/storage/open-object-store.ts");
    const policy = new EgressPolicy({ opened: new Set([new URL(guarded.origin).host]) });
    const store = openObjectStore(targetOf(storage), policy);
    await deliver(store, "temporary", parts);
    expect(guarded.making()).toMatchObject({
      ...{ "x-amz-security-token": "the/session+token==", "x-amz-tagging": "team=a" },
      ...{ "x-amz-server-side-encryption": "aws:kms" },
    });
    expect(await store.signGet("temporary", 60)).toContain(
      "X-Amz-Security-Token=the%2Fsession%2Btoken%3D%3D",
    );
    policy.close();
    await guarded.close();
  });
});

describe("the checksum of a part", () => {
  /** What the requests of so many deliveries ask for, and with which checksums they send parts. */
  async function checksumsOf({ deliveries = 1, crc32Refusals = new Crc32Refusals() } = {}) {
    const checksums: string[] = [];
    const proxy = await startFaultyProxy(bucket.origin, (request, headers) => {
      const [crc32, md5] = [headers["x-amz-checksum-crc32"], headers["content-md5"]];
      const names = [crc32 && "CRC-32", md5 && "MD5"].filter(Boolean).join(" and ");
      const asked = headers["x-amz-checksum-algorithm"] ? "begin with CRC-32" : "begin";
      if (request.includes("partNumber=")) checksums.push(names);
      else if (request.includes("uploads=")) checksums.push(asked);
      return "pass";
    });
    for (let index = 0; index < deliveries; index++) {
      await deliver(storeOf({ endpoint: proxy.origin, crc32Refusals }), `checked-${index}`, parts);
      expect((await read(`checked-${index}`)).bytes.equals(whole)).toBe(true);
    }
    await proxy.close();
    return checksums;
  }

  it("is a CRC-32 where the storage has it, which proves the object, too", async () => {
    expect(await checksumsOf()).toEqual(["begin with CRC-32", "CRC-32", "CRC-32"]);
  });

  it("is an MD5 where the storage ignores the CRC-32", async () => {
    bucket.rules.crc32 = "ignored";
    expect(await checksumsOf()).toEqual(["begin with CRC-32", "MD5", "MD5"]);
  });

  it("is an MD5 where the storage refuses the CRC-32, which later uploads do not try", async () => {
    bucket.rules.crc32 = "refused";
    expect(await checksumsOf({ deliveries: 2 })).toEqual([
      ...["begin with CRC-32", "begin", "MD5", "MD5"],
      ...["begin", "MD5", "MD5"],
    ]);
  });

  it("is tried again after an hour", () => {
    let now = 0;
    const refusals = new Crc32Refusals(() => now);
    refusals.add("https://storage.example media");
    now = 3_599_999;
    expect(refusals.has("https://storage.example media")).toBe(true);
    expect(refusals.has("https://storage.example other")).toBe(false);
    now = 3_600_000;
    expect(refusals.has("https://storage.example media")).toBe(false);
  });

  it("is both where the storage agreed to the CRC-32 and does not confirm it", async () => {
    bucket.rules.crc32 = "unconfirmed";
    const both = "CRC-32 and MD5";
    expect(await checksumsOf({ deliveries: 2 })).toEqual([
      ...["begin with CRC-32", "CRC-32", both, both],
      ...["begin", "MD5", "MD5"],
    ]);
  });

  it("is an MD5 in the next run where the storage refuses the CRC-32 that it agreed to", async () => {
    bucket.rules.crc32 = "parts refused";
    const store = storeOf();
    await expect(deliver(store, "refused", parts)).rejects.toMatchObject({
      ...{ code: "upload_failed", transient: true },
    });
    expect(bucket.unfinished()).toEqual([]);
    await deliver(store, "refused", parts);
    expect((await read("refused")).bytes.equals(whole)).toBe(true);
  });

  it("is compared with the storage's, of every part", async () => {
    for (const crc32 of ["verified", "ignored", "unconfirmed"] as const) {
      bucket.rules.crc32 = crc32;
      bucket.rules.damagedParts = 1;
      const key = `damaged ${crc32}`;
      await deliver(storeOf(), key, parts);
      expect((await read(key)).bytes.equals(whole)).toBe(true);
    }
  });
});

describe("a storage that does not keep what it was given", () => {
  it("is sent a part again when its checksum differs", async () => {
    bucket.rules.damagedParts = 2;
    await deliver(storeOf(), "damaged once", parts);
    expect((await read("damaged once")).bytes.equals(whole)).toBe(true);
    await storeOf().put({ key: "piece", contentType: "video/mp4" }, parts, never);
    expect((await read("piece")).bytes.equals(whole)).toBe(true);
  });

  it("delivers nothing when every attempt is damaged", async () => {
    bucket.rules.damagedParts = 1000;
    await expect(deliver(storeOf(), "damaged", parts)).rejects.toMatchObject({
      ...{ code: "upload_failed", detail: expect.stringMatching(/^ChecksumMismatch/) },
    });
    expect(bucket.unfinished()).toEqual([]);
    expect((await read("damaged")).status).toBe(404);
  });

  it("keeps no object of a different length", async () => {
    bucket.rules.cutsObjects = true;
    await expect(deliver(storeOf(), "cut", parts)).rejects.toMatchObject({
      ...{ code: "upload_failed", detail: expect.stringMatching(/^ChecksumMismatch/) },
    });
    expect((await read("cut")).status).toBe(404);
  });

  it("is not asked about objects whose ETag proves them", async () => {
    const proxy = await startFaultyProxy(bucket.origin, () => "pass");
    await deliver(storeOf({ endpoint: proxy.origin }), "proven", parts);
    expect(proxy.requests.map((request) => request.split(" ")[0])).toEqual(["POST", "PUT", "PUT", "POST"]);
    await proxy.close();
  });
});

describe("a completion whose response was lost", () => {
  const losing = async (lost: number) => {
    let left = lost;
    return await startFaultyProxy(bucket.origin, (request) =>
      request.startsWith("POST ") && request.includes("uploadId=") && left-- > 0 ? "lose-answer" : "pass",
    );
  };

  it.each(["none", "objects", "objects and parts"] as const)(
    "is detected with credentials that may not read: %s",
    async (readsRefused) => {
      bucket.rules.readsRefused = readsRefused;
      const proxy = await losing(1);
      await deliver(storeOf({ endpoint: proxy.origin }), "lost", parts);
      expect((await read("lost")).bytes.equals(whole)).toBe(true);
      await proxy.close();
    },
  );

  it("is detected when the response to every attempt was lost", async () => {
    bucket.rules.readsRefused = "objects";
    const proxy = await losing(6);
    await deliver(storeOf({ endpoint: proxy.origin }), "always lost", parts);
    expect((await read("always lost")).bytes.equals(whole)).toBe(true);
    await proxy.close();
  });

  it("is not a success when another run aborted the upload and stored its own object", async () => {
    let isCut = false;
    const proxy = await startFaultyProxy(bucket.origin, (request) => {
      if (isCut || !request.startsWith("POST ") || !request.includes("uploadId=")) return "pass";
      isCut = true;
      return "cut";
    });
    const object = { key: "k", contentType: "video/mp4" };
    const zombie = await storeOf({ endpoint: proxy.origin }).open(object, never);
    await zombie.putPart(0, [Buffer.from("zombie")], never);
    await storeOf().abort("k", zombie.ref);
    await deliver(storeOf(), "k", [Buffer.from("successor")]);
    await expect(zombie.complete()).rejects.toMatchObject({ code: "upload_failed" });
    expect((await read("k")).bytes.toString()).toBe("successor");
    await proxy.close();
  });
});
