import { createHash, createHmac, generateKeyPairSync } from "node:crypto";
import { createRequire } from "node:module";
import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { Storage } from "@google-cloud/storage";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { targetOf } from "../../schema/storage/target.ts";
import { openStorageClient } from "../../worker/services/storage/open-store.ts";

/** What the edge signs must match, byte for byte, what the vendors' own libraries sign. */

const require = createRequire(import.meta.url);

/** The signature of the AWS SDK; the package is a part of it. */
const { SignatureV4 } = require("@smithy/signature-v4") as {
  SignatureV4: new (
    options: object,
  ) => Record<"sign" | "presign", (request: object, options: object) => Promise<SignedRequest>>;
};
interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
}

const ossSignatures = require("ali-oss/lib/common/signUtils.js") as {
  authorizationV4: (id: string, secret: string, region: string, method: string, ...rest: unknown[]) => string;
};
const Oss = require("ali-oss") as new (
  options: object,
) => { signatureUrlV4(method: string, expires: number, request: object, key: string): Promise<string> };

const KEYS = [
  "videos/a.mp4",
  "videos/Über uns/一 b (1).mp4",
  "a+b&c=d?e#f%20'!*~.mp4",
  "verify_credentials.txt",
];
const NOW = Date.UTC(2026, 10, 24, 12, 30, 15);

/** The libraries read the machine's clock. */
beforeAll(() => {
  vi.useFakeTimers({ now: NOW, toFake: ["Date"] });
  // the Worker's runtime has MD5, which Node's WebCrypto does not
  const { digest } = crypto.subtle;
  vi.spyOn(crypto.subtle, "digest").mockImplementation(async (algorithm, data) =>
    algorithm === "MD5"
      ? Uint8Array.from(
          createHash("md5")
            .update(new Uint8Array(data as ArrayBuffer))
            .digest(),
        ).buffer
      : await digest.call(crypto.subtle, algorithm, data),
  );
});
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** SHA-256 and HMAC in the form that the AWS SDK expects. */
class Sha256 {
  readonly #hash;
  constructor(key?: string | Uint8Array) {
    this.#hash = key === undefined ? createHash("sha256") : createHmac("sha256", key);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

interface Sent {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

/** The object store, and the last request that it sent. */
function recorded(storage: InlineStorage) {
  const sent: Sent[] = [];
  const store = openStorageClient(targetOf(storage), {
    clock: () => NOW,
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const body = await request.text();
      // the address as it was given: parsing it again must not change what was signed
      expect(request.url).toBe(String(input));
      expect(init?.redirect).toBe("manual");
      sent.push({ url: new URL(request.url), method: request.method, headers: request.headers, body });
      return new Response(null, { status: 204 });
    },
  });
  const last = () => {
    const request = sent.at(-1);
    if (!request) throw new Error("nothing was sent");
    return request;
  };
  return { store, last };
}

const headersOf = (headers: Headers, names: RegExp): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => names.test(name)));

describe.each(KEYS)("%j", (key) => {
  it.each(["https://s3.eu-west-1.amazonaws.com", "https://minio.example.com:9000/base"])(
    "S3 at %s: requests and links are signed as the AWS SDK signs them",
    async (endpoint) => {
      const { store, last } = recorded({
        provider: "s3",
        endpoint,
        bucket: "media",
        region: "eu-west-1",
        access_key: "AKIDEXAMPLE",
        secret_key: "s3cr3t/+key",
      });
      const signer = new SignatureV4({
        credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "s3cr3t/+key" },
        region: "eu-west-1",
        service: "s3",
        sha256: Sha256,
        uriEscapePath: false,
        applyChecksum: false,
      });
      const signingDate = new Date(NOW);
      const check = async (act: Promise<unknown>) => {
        await act;
        const { url, method, headers } = last();
        const request = {
          method,
          protocol: "https:",
          hostname: url.hostname,
          path: url.pathname,
          query: Object.fromEntries(url.searchParams),
          headers: { host: url.host, ...headersOf(headers, /^(x-amz-|content-md5$)/) },
        };
        const { headers: expected } = await signer.sign(request, { signingDate });
        expect(headers.get("authorization")).toBe(expected.authorization);
      };
      await check(store.putObject(key, "x"));
      await check(store.deleteObject(key));
      await check(store.abortUpload(key, "an/upload+id=="));
      await check(store.listKeys(key));

      const link = new URL((await store.signedLink(key)) ?? "");
      const bare = {
        method: "GET",
        protocol: "https:",
        hostname: link.hostname,
        path: link.pathname,
        query: {},
        headers: { host: link.host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      };
      const kept = new Set(["x-amz-content-sha256"]);
      const { query } = await signer.presign(bare, {
        signingDate,
        expiresIn: 86_400,
        unhoistableHeaders: kept,
        unsignableHeaders: kept,
      });
      expect(link.searchParams.get("X-Amz-Signature")).toBe(query["X-Amz-Signature"]);
    },
  );

  it("Azure: requests and links are signed as the Azure SDK signs them", async () => {
    const account_key = Buffer.from("a key of the account").toString("base64");
    const credential = new StorageSharedKeyCredential("acme", account_key);
    const { store, last } = recorded({
      provider: "blob",
      account_name: "acme",
      container: "media",
      account_key,
    });
    const check = async (act: Promise<unknown>) => {
      await act;
      expect(last().headers.get("authorization")).toBe(await signedByAzure(credential, last()));
    };
    await check(store.putObject(key, "some text"));
    await check(store.deleteObject(key));
    await check(store.abortUpload(key, "ref"));
    await check(store.listKeys(key));

    const link = new URL((await store.signedLink(key)) ?? "");
    const expected = generateBlobSASQueryParameters(
      {
        containerName: "media",
        blobName: key,
        permissions: BlobSASPermissions.parse("r"),
        expiresOn: new Date(NOW + 86_400_000),
        version: "2021-12-02",
      },
      credential,
    );
    expect(Object.fromEntries(link.searchParams)).toEqual(
      Object.fromEntries(new URLSearchParams(expected.toString())),
    );
  });

  it("Google: links are signed as the Google SDK signs them", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const private_key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const client_email = "robot@project.iam.gserviceaccount.com";
    const { store } = recorded({
      provider: "gcs",
      project_id: "project",
      bucket: "media",
      service_account_json: JSON.stringify({ type: "service_account", client_email, private_key }),
    });
    const sdk = new Storage({ projectId: "project", credentials: { client_email, private_key } });
    const [expected] = await sdk
      .bucket("media")
      .file(key)
      .getSignedUrl({ version: "v4", action: "read", accessibleAt: NOW, expires: NOW + 86_400_000 });
    expect(await store.signedLink(key)).toBe(expected);
  });

  it("OSS: requests and links are signed as ali-oss signs them", async () => {
    const storage: InlineStorage = {
      provider: "oss",
      endpoint: "https://oss-cn-beijing.aliyuncs.com",
      bucket: "media",
      access_key_id: "LTAI",
      access_key_secret: "s3cr3t",
    };
    const { store, last } = recorded(storage);
    const check = async (act: Promise<unknown>, path = key) => {
      await act;
      const { url, method, headers } = last();
      expect(url.host).toBe("media.oss-cn-beijing.aliyuncs.com");
      const request = {
        headers: headersOf(headers, /^(x-oss-|content-(type|md5)$)/),
        queries: Object.fromEntries(url.searchParams),
      };
      const expected = ossSignatures.authorizationV4(
        "LTAI",
        "s3cr3t",
        "cn-beijing",
        method,
        request,
        "media",
        path,
      );
      expect(headers.get("authorization")).toBe(expected);
    };
    await check(store.putObject(key, "x"));
    await check(store.deleteObject(key));
    await check(store.abortUpload(key, "UPLOAD0ID"));
    await check(store.listKeys(key), "");

    const sdk = new Oss({
      accessKeyId: "LTAI",
      accessKeySecret: "s3cr3t",
      bucket: "media",
      region: "oss-cn-beijing",
      secure: true,
    });
    const expected = new URL(await sdk.signatureUrlV4("GET", 86_400, {}, key));
    const link = new URL((await store.signedLink(key)) ?? "");
    expect(Object.fromEntries(link.searchParams)).toEqual(Object.fromEntries(expected.searchParams));
    expect(decodeURIComponent(link.pathname)).toBe(`/${key}`);
  });
});

/** The `authorization` header that the SDK's own policy gives a request. */
async function signedByAzure(credential: StorageSharedKeyCredential, request: Sent): Promise<string> {
  const headers = new Map(Object.entries(headersOf(request.headers, /^(x-ms-|content-(type|md5)$)/)));
  const nobody = { sendRequest: async () => ({}) };
  await credential.create(nobody as never, {} as never).sendRequest({
    url: request.url.href,
    method: request.method,
    body: request.body === "" ? undefined : request.body,
    headers: {
      set: (name: string, value: string | number) => headers.set(name.toLowerCase(), String(value)),
      get: (name: string) => headers.get(name.toLowerCase()),
      headersArray: () => [...headers].map(([name, value]) => ({ name, value })),
    },
  } as never);
  return headers.get("authorization") ?? "";
}
