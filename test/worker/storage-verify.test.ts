import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import { Harness } from "./support/harness.ts";
import { blob, gcs, keyFile, oss, SECRETS, s3, sas, storages } from "./support/storages.ts";

/** Each mistake in a caller's storage is named before anything is accepted. */

let worker: Harness;
let key: string;

beforeEach(async () => {
  worker = new Harness();
  ({ key } = await worker.account());
});

const url = "https://media.example.com/a.mp4";
const post = (storage: object) => worker.call("POST", "/jobs", { key, body: { url, storage } });

/** Answers like a provider: `METHOD host/path` of the request decides. */
function responses(by: (call: string) => Response | Promise<Response>): void {
  worker.network.onOther = () => by(worker.network.calls.at(-1) ?? "");
}
const granting = (call: string): Response =>
  call.startsWith("POST oauth2.googleapis.com/token")
    ? Response.json({ access_token: "t", expires_in: 3600, token_type: "Bearer" })
    : new Response(null, { status: 204 });
const xml = (status: number, code: string, more = ""): Response =>
  new Response(`<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`, { status });

async function refusal(storage: object): Promise<string> {
  const response = await post(storage);
  const body = await response.json<ErrorBody>();
  expect([response.status, body.code]).toEqual([400, "storage_verification_failed"]);
  const jobs = await worker.json("GET", "/jobs", { key });
  expect(jobs).toMatchObject({ total: 0 });
  const reported = JSON.stringify([body, worker.logs]);
  for (const secret of SECRETS) expect(reported).not.toContain(secret);
  return body.error;
}

describe("credentials that work", () => {
  it.each([
    ["s3", "media.s3.eu-west-1.amazonaws.com/videos/verify_credentials.txt"],
    ["blob", "acmevideos.blob.core.windows.net/media/videos/verify_credentials.txt"],
    ["gcs", "storage.googleapis.com/media/videos/verify_credentials.txt"],
    ["oss", "media.oss-cn-beijing.aliyuncs.com/videos/verify_credentials.txt"],
  ] as const)("of %s are proven by writing and deleting a tiny object", async (provider, address) => {
    responses(granting);
    expect((await post(storages[provider])).status).toBe(201);
    const calls = worker.network.calls.filter((call) => !call.includes("oauth2"));
    expect(calls).toEqual([`PUT ${address}`, `DELETE ${address}`]);
  });

  it("are proven below the caller's own folders", async () => {
    responses(granting);
    await post({ ...s3, base_folder: "", folder_prefix: "team/a" });
    expect(worker.network.calls[0]).toBe(
      "PUT media.s3.eu-west-1.amazonaws.com/team/a/verify_credentials.txt",
    );
  });

  it("without the right to delete are accepted, and that is reported", async () => {
    responses((call) => (call.startsWith("DELETE") ? xml(403, "AccessDenied") : granting(call)));
    const response = await post(s3);
    expect(response.status).toBe(201);
    const { job_id, adjustments } = await response.json<{ job_id: string; adjustments: object[] }>();
    expect(adjustments).toMatchObject([{ field: "storage", from: "write and delete", to: "write" }]);
    expect((await worker.job(key, job_id)).adjustments).toEqual(adjustments);
  });

  it("that cannot sign links are accepted, and that is reported", async () => {
    responses(granting);
    expect(await (await post(sas)).json()).toMatchObject({ adjustments: [{ field: "s3_url", to: null }] });
  });
});

describe("the options of a caller's storage", () => {
  /** Headers of the object that was written. */
  async function headersFor(storage: object): Promise<Record<string, string>> {
    let written: Headers | undefined;
    worker.network.onOther = (request) => {
      if (request.method === "PUT") written = request.headers;
      return granting(worker.network.calls.at(-1) ?? "");
    };
    expect((await post(storage)).status).toBe(201);
    return Object.fromEntries(written ?? []);
  }

  it.each([
    [
      { ...s3, kms_key_id: "alias/media", storage_class: "STANDARD_IA", acl: "private", tags: { a: "b c" } },
      {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": "alias/media",
        "x-amz-storage-class": "STANDARD_IA",
        "x-amz-acl": "private",
        "x-amz-tagging": "a=b%20c",
      },
    ],
    [{ ...s3, session_token: "canary-session-token" }, { "x-amz-security-token": "canary-session-token" }],
    [
      { ...blob, encryption_scope: "scope-1", storage_class: "Cool", tags: { a: "b" } },
      { "x-ms-encryption-scope": "scope-1", "x-ms-access-tier": "Cool", "x-ms-tags": "a=b" },
    ],
    [
      { ...gcs, kms_key_id: "projects/p/k", storage_class: "NEARLINE", acl: "project-private" },
      {
        "x-goog-encryption-kms-key-name": "projects/p/k",
        "x-goog-storage-class": "NEARLINE",
        "x-goog-acl": "project-private",
      },
    ],
    [
      { ...oss, server_side_encryption: "SM4", storage_class: "IA", session_token: "canary-session-token" },
      {
        "x-oss-server-side-encryption": "SM4",
        "x-oss-storage-class": "IA",
        "x-oss-security-token": "canary-session-token",
      },
    ],
  ])("%#: are tried when it is verified, with a checksum", async (storage, headers) => {
    const checksum = { "content-md5": expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/) };
    expect(await headersFor(storage)).toMatchObject({ ...headers, ...checksum });
  });

  it("reach the run", async () => {
    responses(granting);
    const options = { server_side_encryption: "AES256", tags: { a: "b" } };
    const storage = { ...s3, ...options, session_token: "canary-session-token" };
    const run = await worker.start(key, { storage });
    expect(run.target).toMatchObject({ session_token: "canary-session-token", options });
  });

  it.each([
    [
      { ...gcs, tags: { a: "b" } },
      "storage.tags is not available at this provider: objects of Google Cloud Storage have no tags",
    ],
    [
      { ...gcs, server_side_encryption: "AES256" },
      "storage.server_side_encryption is not available at this provider: Google encrypts always",
    ],
    [
      { ...blob, acl: "private" },
      "storage.acl is not available at this provider: Azure grants access by container",
    ],
    [
      { ...blob, session_token: "t" },
      "storage.session_token is not available at this provider: Azure has none; use sas_token",
    ],
    [{ ...oss, acl: "aws-exec-read" }, "storage.acl must be one of private, public-read"],
    [{ ...s3, storage_class: "a b" }, "storage.storage_class must be a storage class such as STANDARD_IA"],
    [
      { ...s3, tags: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`t${i}`, ""])) },
      "storage.tags must be at most 10 tags",
    ],
  ])("%#: are refused by providers that do not have them", async (storage, error) => {
    const response = await post(storage);
    const body = await response.json<ErrorBody>();
    expect([response.status, body.code]).toEqual([400, "invalid_request"]);
    expect(body.error).toContain(error);
    expect(worker.network.calls).toEqual([]);
  });

  it("are refused when a key of a KMS comes with another encryption", async () => {
    const error = await refusal({ ...s3, server_side_encryption: "AES256", kms_key_id: "k" });
    expect(error).toContain("kms_key_id needs server_side_encryption to be aws:kms");
  });

  it("are accepted with a note that links to archived objects do not work at once", async () => {
    responses(granting);
    const response = await post({ ...s3, storage_class: "DEEP_ARCHIVE" });
    expect(await response.json()).toMatchObject({ adjustments: [{ field: "s3_url" }] });
  });
});

const POLICY =
  "; a policy of the bucket may demand a header, which server_side_encryption, kms_key_id, storage_class, acl, tags set";

describe("a response of the provider", () => {
  it.each([
    [s3, xml(404, "NoSuchBucket"), "NoSuchBucket: there is no bucket named media at this endpoint"],
    [
      s3,
      xml(403, "AccessDenied"),
      `AccessDenied: the credentials may not write below videos/ in media (they lack s3:PutObject)${POLICY}`,
    ],
    [
      { ...s3, server_side_encryption: "aws:kms", acl: "public-read" },
      xml(403, "AccessDenied"),
      "AccessDenied: the credentials may not write below videos/ in media (they lack s3:PutObject), or not with server_side_encryption (x-amz-server-side-encryption), acl (x-amz-acl)",
    ],
    [
      { ...s3, acl: "public-read" },
      xml(400, "AccessControlListNotSupported"),
      "AccessControlListNotSupported: the bucket refuses an option of the object: acl (x-amz-acl)",
    ],
    [s3, xml(403, "InvalidAccessKeyId"), "InvalidAccessKeyId: the storage does not know this access_key"],
    [
      { ...s3, access_key: "ASIACANARY" },
      xml(403, "InvalidAccessKeyId"),
      "InvalidAccessKeyId: the storage does not know this access_key; it is a temporary one, which needs its session_token",
    ],
    [
      { ...s3, session_token: "canary-session-token" },
      xml(400, "InvalidToken"),
      "InvalidToken: the session_token is wrong, belongs to other credentials or has expired",
    ],
    [
      s3,
      xml(403, "SignatureDoesNotMatch"),
      "SignatureDoesNotMatch: the secret_key does not belong to this access_key",
    ],
    [
      s3,
      xml(403, "RequestTimeTooSkewed"),
      "RequestTimeTooSkewed: the clocks of this service and of the storage differ too much",
    ],
    [
      s3,
      xml(400, "AuthorizationHeaderMalformed", "<Region>us-east-2</Region>"),
      "AuthorizationHeaderMalformed: the bucket is in region us-east-2 and not in eu-west-1",
    ],
    [
      s3,
      new Response(null, {
        status: 301,
        headers: { "x-amz-bucket-region": "us-west-2", location: "http://10.0.0.1/" },
      }),
      "HTTP 301: the bucket is in region us-west-2 and not in eu-west-1",
    ],
    [
      s3,
      new Response("no", { status: 302, headers: { location: "http://127.0.0.1/" } }),
      "HTTP 302: the bucket is in another region or at another endpoint",
    ],
    [
      s3,
      new Response("<html>", { status: 403 }),
      `HTTP 403: the credentials may not write below videos/ in media (they lack s3:PutObject)${POLICY}`,
    ],
    [s3, xml(503, "SlowDown"), "SlowDown: the storage is not available right now; try again later"],
    [s3, xml(400, "Odd<b>", ""), "HTTP 400: the storage refused the object"],
    [
      s3,
      new Response("error code: 1016", { status: 530 }),
      "HTTP 530: the host of the endpoint is not known",
    ],
    [s3, new Response("", { status: 526 }), /^HTTP 526: no trusted TLS connection to the endpoint/],
    [
      blob,
      xml(404, "ContainerNotFound"),
      "ContainerNotFound: there is no container named media at this endpoint",
    ],
    [
      blob,
      xml(
        403,
        "AuthenticationFailed",
        "<AuthenticationErrorDetail>The MAC signature found …</AuthenticationErrorDetail>",
      ),
      "AuthenticationFailed: the account_key does not belong to this account",
    ],
    [
      sas,
      xml(
        403,
        "AuthenticationFailed",
        "<AuthenticationErrorDetail>Signature not valid in the specified time frame</AuthenticationErrorDetail>",
      ),
      "AuthenticationFailed: the SAS token has expired or is not valid yet",
    ],
    [
      sas,
      xml(
        403,
        "AuthenticationFailed",
        "<AuthenticationErrorDetail>Signature did not match</AuthenticationErrorDetail>",
      ),
      "AuthenticationFailed: the SAS token is not signed by a key of this account, or was changed",
    ],
    [
      sas,
      xml(403, "AuthorizationPermissionMismatch"),
      /^AuthorizationPermissionMismatch: the credentials may not write below videos\/ in media \(they lack write \(w\)\); a policy/,
    ],
    [gcs, xml(404, "NoSuchBucket"), "NoSuchBucket: there is no bucket named media at this endpoint"],
    [
      s3,
      xml(
        403,
        "AccessDenied",
        "<Message>User: x is not authorized to perform: kms:GenerateDataKey on</Message>",
      ),
      /may not write below videos\/ in media \(they lack kms:GenerateDataKey\)/,
    ],
    [
      gcs,
      xml(403, "AccessDenied", "<Details>x does not have storage.multipartUploads.create access</Details>"),
      /\(they lack storage\.multipartUploads\.create\)/,
    ],
    [
      oss,
      xml(
        403,
        "AccessDenied",
        "<AccessDeniedDetail><AuthAction>oss:PutObjectTagging</AuthAction></AccessDeniedDetail>",
      ),
      /\(they lack oss:PutObjectTagging\)/,
    ],
    [gcs, xml(403, "AccessDenied"), /a policy .* which kms_key_id, storage_class, acl set$/],
    [oss, xml(403, "InvalidAccessKeyId"), "InvalidAccessKeyId: the storage does not know this access_key_id"],
    [
      oss,
      xml(403, "SignatureDoesNotMatch"),
      "SignatureDoesNotMatch: the access_key_secret does not belong to this access_key_id",
    ],
    [
      oss,
      xml(403, "AccessDenied", "<Endpoint>oss-cn-shanghai.aliyuncs.com</Endpoint>"),
      "AccessDenied: the bucket is in region cn-shanghai and not in cn-beijing",
    ],
  ])("%#: is reported as a sentence", async (storage, response, sentence) => {
    responses((call) => (call.includes("oauth2") ? granting(call) : response));
    const expected = typeof sentence === "string" ? `Credential validation failed: ${sentence}` : undefined;
    const error = await refusal(storage);
    if (expected) expect(error).toBe(expected);
    else expect(error.replace("Credential validation failed: ", "")).toMatch(sentence);
    expect(worker.network.calls.filter((call) => !call.includes("oauth2"))).toHaveLength(1);
  });

  it.each([
    [
      "Invalid JWT Signature.",
      "the private_key in service_account_json is not, or no longer, a key of this service account",
    ],
    ["Invalid grant: account not found", "Google does not know the client_email in service_account_json"],
    [
      "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values",
      "the clocks of this service and of the storage differ too much",
    ],
  ])("of Google's token service, %j, is reported as a sentence", async (error_description, sentence) => {
    responses(() => Response.json({ error: "invalid_grant", error_description }, { status: 400 }));
    expect(await refusal(gcs)).toBe(`Credential validation failed: invalid_grant: ${sentence}`);
  });
});

describe("a storage that cannot be right is refused without a request", () => {
  const json = (change: object) => ({
    ...gcs,
    service_account_json: JSON.stringify({ ...keyFile, ...change }),
  });
  const token = (change: Record<string, string>, without: string[] = []) => {
    const words = new URLSearchParams(sas.sas_token);
    for (const [name, value] of Object.entries(change)) words.set(name, value);
    for (const name of without) words.delete(name);
    return { ...sas, sas_token: words.toString() };
  };

  it.each([
    [{ ...blob, account_key: "not base64!" }, /account_key is not Base64/],
    [token({}, ["sig"]), /sas_token has no signature/],
    [token({}, ["sv"]), /MalformedSAS: the SAS token has no version/],
    [token({ se: "2020-01-01T00:00:00Z" }), /ExpiredSAS: the SAS token expired at 2020-01-01T00:00:00.000Z/],
    [token({ se: "soon" }), /MalformedSAS: the expiry \(se\) of the SAS token is not a time/],
    [token({ st: "2098-01-01" }), /NotYetValidSAS: the SAS token is valid from 2098/],
    [token({ sp: "rl" }), /AccessDenied: the SAS token does not permit writing/],
    [token({ sr: "b" }), /MalformedSAS: the SAS token is for a single blob/],
    [{ ...gcs, service_account_json: "{" }, /service_account_json is neither JSON nor Base64 of JSON/],
    [
      { ...gcs, service_account_json: btoa("hello") },
      /service_account_json is neither JSON nor Base64 of JSON/,
    ],
    [json({ client_email: undefined }), /service_account_json has no valid client_email/],
    [json({ private_key: "abc" }), /service_account_json has no valid private_key/],
    [json({ type: "authorized_user" }), /not "service_account"/],
    [json({ token_uri: "https://evil.example.com/token" }), /token_uri that is not Google's/],
    [
      json({ private_key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" }),
      /MalformedKey: the private_key in service_account_json is damaged/,
    ],
  ])("%#: %s", async (storage, sentence) => {
    expect(await refusal(storage)).toMatch(sentence);
    expect(worker.network.calls).toEqual([]);
  });

  it.each([
    [{ ...s3, endpoint: "http://127.0.0.1:9000" }, "loopback address"],
    [{ ...s3, endpoint: "http://169.254.169.254" }, "cloud metadata address"],
    [{ ...oss, endpoint: "http://10.0.0.7" }, "private address"],
    [{ ...gcs, endpoint: "http://localhost:4443" }, "internal host name"],
    [{ ...blob, endpoint: "http://azurite:10000/acmevideos" }, "internal host name"],
    [{ ...blob, account_name: "x@10.0.0.1/" }, "private address"],
  ])("a private endpoint, %#", async (storage, reason) => {
    const response = await post(storage);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "invalid_request",
      error: `storage.endpoint must be a public address (${reason})`,
    });
    expect(worker.network.calls).toEqual([]);
  });

  it.each(["evil.example.com/x", "evil.example.com#", "a@b", "a:b", ""])(
    "a bucket name that would turn the endpoint into another host: %j",
    async (bucket) => {
      expect((await post({ ...oss, bucket })).status).toBe(400);
      expect(worker.network.calls).toEqual([]);
    },
  );
});

describe("a storage that does not answer", () => {
  const fails = (by: (call: string) => Error) => responses((call) => Promise.reject(by(call)));
  const hidden = () => new Error("internal error; reference = 0abc");

  it("because its host is unknown", async () => {
    fails(hidden);
    expect(await refusal(s3)).toBe(
      "Credential validation failed: UnknownHost: the host of the endpoint is not known",
    );
  });

  it("because TLS fails: a plain request gets past the name", async () => {
    fails((call) => (call.startsWith("PUT") ? hidden() : new Error("Network connection lost.")));
    expect(await refusal(s3)).toMatch(/TLS: no trusted TLS connection to the endpoint could be made/);
    expect(worker.network.calls[1]).toBe("GET media.s3.eu-west-1.amazonaws.com:443/");
  });

  it("because nothing listens", async () => {
    fails(() => new Error("Network connection lost."));
    expect(await refusal(oss)).toBe(
      "Credential validation failed: Unreachable: nobody answers at the endpoint",
    );
  });

  it("in time", async () => {
    fails(() => new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    expect(await refusal(blob)).toBe(
      "Credential validation failed: Timeout: the storage did not answer in time",
    );
  });
});

it("an allowed private host may be a storage, and only on that port", async () => {
  const opened = new Harness({ ALLOWED_PRIVATE_HOSTS: "127.0.0.1:9000" });
  const account = await opened.account();
  const ask = (endpoint: string) =>
    opened.call("POST", "/jobs", { key: account.key, body: { url, storage: { ...s3, endpoint } } });
  expect((await ask("http://127.0.0.1:9000")).status).toBe(201);
  expect((await ask("http://127.0.0.1:9001")).status).toBe(400);
  expect(opened.network.calls).toHaveLength(2);
});
