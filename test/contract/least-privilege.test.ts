import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { StorageFault } from "../../processor/fault.ts";
import { BlobObjectStore } from "../../processor/storage/azure/blob.ts";
import { GcsObjectStore } from "../../processor/storage/gcs/gcs.ts";
import type { ObjectStore } from "../../processor/storage/object-store.ts";
import { OssObjectStore } from "../../processor/storage/oss/oss.ts";
import { S3ObjectStore } from "../../processor/storage/s3/s3.ts";
import { jobSentence } from "../../schema/errors.ts";
import { type Azurite, startAzurite } from "../support/azurite.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { type GcsDouble, startGcsDouble } from "../support/gcs-double.ts";
import { type OssDouble, startOssDouble } from "../support/oss-double.ts";
import { inRepository } from "../support/repository.ts";
import { type S3Double, startS3Double } from "../support/s3-double.ts";
import { impatient, readLink } from "./storage-suite.ts";

/** The policies of the guide, on storages that enforce permissions as their services document them. */

const never = new AbortController().signal;
const agent = new http.Agent({
  keepAlive: true,
  // OSS addresses buckets by host
  lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }]),
});
const connections = { agentFor: () => agent, clock: impatient };
const PARTS = [randomBytes(5 << 20), randomBytes(1000)];
const WHOLE = Buffer.concat(PARTS);

let s3: S3Double;
let gcs: GcsDouble;
let oss: OssDouble;
let azurite: Azurite;

beforeAll(async () => {
  [s3, gcs, oss, azurite] = await Promise.all([
    startS3Double(),
    startGcsDouble(),
    startOssDouble(),
    startAzurite(),
  ]);
}, 60_000);
afterAll(async () => {
  agent.destroy();
  await Promise.all([s3, gcs, oss, azurite].map((server) => server?.close()));
});

/** The block of the guide that a comment marks as the smallest policy of a provider. */
function policyOf(provider: string): { block: string; json: () => Record<string, unknown> } {
  const guide = readFileSync(inRepository("docs", "storage.md"), "utf8");
  const pattern = `<!-- policy: ${provider} -->\n(?:<!--.*-->\n)*\`\`\`\\w+\n([\\s\\S]*?)\n\`\`\``;
  const block = new RegExp(pattern).exec(guide)?.[1];
  if (block === undefined) throw new Error(`the guide has no policy for ${provider}`);
  return { block, json: () => JSON.parse(block) };
}

const actionsOf = (provider: string): string[] =>
  (policyOf(provider).json().Statement as { Action: string[] }[])[0]?.Action ?? [];

interface Service {
  /** The permissions of the guide's policy. */
  readonly policy: () => readonly string[];
  /** An object store with these permissions. @param origin replaces the server's */
  readonly store: (allowed: readonly string[], origin?: string) => ObjectStore;
  readonly origin: () => string;
  /** Reads an object as a caller does, through a link that the credentials signed; null where they sign none. */
  readonly read: (store: ObjectStore, key: string) => Promise<{ status: number; bytes: Buffer } | null>;
  /** What was needed so far, if the server records it. */
  readonly asked: () => Set<string> | null;
  /** What fails without a permission; `nothing` if jobs can do without it. */
  readonly without: Readonly<
    Record<string, "delivering" | "aborting" | "deleting" | "reading links" | "nothing">
  >;
  readonly unfinished: () => Promise<string[]>;
}

const throughLink = (origin: () => string) => async (store: ObjectStore, key: string) =>
  readLink(await store.signGet(key, 60), origin());

const SERVICES: Readonly<Record<string, Service>> = {
  "Amazon S3": {
    policy: () => actionsOf("s3"),
    store(allowed, endpoint = s3.origin) {
      s3.permissions.allowed = new Set(allowed);
      const keys = { region: "eu-west-1", accessKeyId: "AK", secretAccessKey: "SK" };
      return new S3ObjectStore({ endpoint, bucket: s3.bucket, addressing: "path", ...keys, ...connections });
    },
    origin: () => s3.origin,
    read: throughLink(() => s3.origin),
    asked: () => s3.permissions.asked,
    without: {
      "s3:PutObject": "delivering",
      "s3:AbortMultipartUpload": "aborting",
      "s3:DeleteObject": "deleting",
      "s3:GetObject": "reading links",
      "s3:ListMultipartUploadParts": "nothing",
    },
    unfinished: async () => s3.unfinished(),
  },
  "Google Cloud Storage": {
    policy: () => policyOf("gcs").json().includedPermissions as string[],
    store(allowed, endpoint = gcs.origin) {
      gcs.permissions.allowed = new Set(allowed);
      return new GcsObjectStore({ endpoint, bucket: gcs.bucket, account: gcs.account, ...connections });
    },
    origin: () => gcs.origin,
    read: throughLink(() => gcs.origin),
    asked: () => gcs.permissions.asked,
    without: {
      "storage.objects.create": "delivering",
      "storage.multipartUploads.create": "delivering",
      "storage.multipartUploads.abort": "aborting",
      "storage.objects.delete": "deleting",
      "storage.objects.get": "reading links",
      "storage.multipartUploads.listParts": "nothing",
    },
    unfinished: async () => gcs.unfinished(),
  },
  "Alibaba OSS": {
    policy: () => actionsOf("oss"),
    store(allowed, origin = oss.origin) {
      oss.permissions.allowed = new Set(allowed);
      const endpoint = `http://oss-${oss.region}.example.com:${new URL(origin).port}`;
      const { bucket, region, accessKeyId, accessKeySecret } = oss;
      return new OssObjectStore({ endpoint, bucket, region, accessKeyId, accessKeySecret, ...connections });
    },
    origin: () => oss.origin,
    read: throughLink(() => oss.origin),
    asked: () => oss.permissions.asked,
    without: {
      "oss:PutObject": "delivering",
      "oss:AbortMultipartUpload": "aborting",
      "oss:DeleteObject": "deleting",
      "oss:GetObject": "reading links",
      "oss:ListParts": "nothing",
    },
    unfinished: async () => oss.unfinished(),
  },
  // Microsoft's emulator enforces the letters of a signature
  "Azure Blob Storage": {
    policy: () =>
      [...(/--permissions (\w+)/.exec(policyOf("blob").block)?.[1] ?? "")].map(
        (letter) => LETTERS[letter] ?? letter,
      ),
    store(allowed, origin) {
      const { endpoint, accountName, container } = azurite;
      const sasToken = azurite.sasToken(allowed.map((name) => /\((\w)\)/.exec(name)?.[1]).join(""));
      return new BlobObjectStore({
        endpoint: origin ? new URL(`/${accountName}`, origin).href : endpoint,
        ...{ accountName, container, credential: { sasToken }, ...connections },
      });
    },
    origin: () => new URL(azurite.endpoint).origin,
    read: async () => null,
    asked: () => null,
    without: { "write (w)": "delivering", "delete (d)": "deleting", "read (r)": "nothing" },
    unfinished: () => azurite.unfinished(),
  },
};
const LETTERS: Readonly<Record<string, string>> = { r: "read (r)", w: "write (w)", d: "delete (d)" };

async function deliver(store: ObjectStore, key: string): Promise<void> {
  const upload = await store.open({ key, contentType: "video/mp4" }, never);
  for (const [index, part] of PARTS.entries()) await upload.putPart(index, [part], never);
  await upload.complete();
}

const begin = async (store: ObjectStore, key: string) => {
  const upload = await store.open({ key, contentType: "video/mp4" }, never);
  await upload.putPart(0, [Buffer.from("given up")], never);
  return upload;
};

/** Completions do not reach the server until the state of the upload was looked up. */
const losing = (origin: string) => {
  let left = 6;
  const isComplete = (request: string) =>
    /^POST .*uploadId=/.test(request) || /^PUT .*comp=blocklist/.test(request);
  return startFaultyProxy(origin, (request) => (isComplete(request) && left-- > 0 ? "cut" : "pass"));
};

describe.each(Object.entries(SERVICES))("the smallest policy of the guide for %s", (_name, service) => {
  beforeEach(() => {
    service.asked()?.clear();
  });

  it("allows all that jobs do, and nothing that they do not need", async () => {
    const policy = service.policy();
    expect(Object.keys(service.without).toSorted()).toEqual(policy.toSorted());
    const store = service.store(policy);
    await deliver(store, "file");
    await deliver(store, "file");
    await store.put({ key: "small", contentType: "video/mp4" }, PARTS, never);
    const found = await service.read(store, "file");
    if (found) expect(found.bytes.equals(WHOLE)).toBe(true);

    // a run that gives up, and the upload of a run that died
    await (await begin(store, "given up")).abort();
    await store.abort("orphaned", (await begin(store, "orphaned")).ref);

    const proxy = await losing(service.origin());
    await deliver(service.store(policy, proxy.origin), "lost");
    await proxy.close();
    await store.delete("file");
    expect(await service.unfinished()).toEqual([]);
    const asked = service.asked();
    if (asked) expect([...asked].toSorted()).toEqual(policy.toSorted());
  });

  it("needs no right to list: unfinished uploads that nobody reported are left to the bucket's rules", async () => {
    expect(await service.store(service.policy()).listUploads("file")).toEqual([]);
  });

  it.each(Object.entries(service.without))(
    "without %s, what fails is %s, by name",
    async (permission, failing) => {
      const all = service.store(service.policy());
      await deliver(all, "standing");
      const orphaned = await begin(all, "orphaned");
      const store = service.store(service.policy().filter((name) => name !== permission));
      const fails = async (work: Promise<unknown>) => {
        const fault = await work.then(
          () => null,
          (error: unknown) => error,
        );
        if (fault === null) return false;
        if (!(fault instanceof StorageFault)) throw fault;
        expect(fault.code).toBe("upload_refused");
        expect(jobSentence(fault.code, fault.subject)).toContain(
          `its credentials may not use ${permission};`,
        );
        return true;
      };
      const found = {
        delivering: await fails(deliver(store, "new")),
        deleting: await fails(store.delete("standing")),
        aborting: await fails(store.abort("orphaned", orphaned.ref)),
        "reading links": ((await service.read(store, "new"))?.status ?? 200) === 403,
      };
      const failed = Object.entries(found).flatMap(([what, isFailed]) => (isFailed ? [what] : []));
      expect(failed.includes(failing) || (failing === "nothing" && failed.length === 0)).toBe(true);
    },
  );
});
