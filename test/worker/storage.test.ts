import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { strayCredentialsQuery } from "../../worker/db/credentials.ts";
import { expiredLinksQuery } from "../../worker/db/job-queue.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { unreachable } from "./support/scripted-network.ts";
import { blob, gcs, oss, SECRETS, s3, sas, storages } from "./support/storages.ts";
import { withProvider } from "./support/with-provider.ts";

/** What happens to a caller's storage between the request and the end of the job. */

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of ["jobs", "job_credentials", "storage_configs"])
    await env.DB.exec(`delete from ${table}`);
  worker = withProvider(new Harness());
  account = await worker.account();
});

const url = "https://media.example.com/a.mp4";
const call = (method: string, path: string, body?: unknown) =>
  worker.call(method, path, { key: account.key, body });
const rows = async (table: string) =>
  (await env.DB.prepare(`select * from ${table}`).all<Record<string, unknown>>()).results;
const everything = async () =>
  JSON.stringify(await Promise.all(["jobs", "job_credentials", "storage_configs", "accounts"].map(rows)));

async function expectNoSecrets(): Promise<void> {
  const kept = (await everything()) + JSON.stringify([worker.logs, worker.dispatchQueue]);
  for (const secret of SECRETS) expect(kept).not.toContain(secret);
}

describe("storage that came with a job", () => {
  it.each(Object.entries(storages))(
    "of %s is sealed in the round trip that stores the job, and handed over",
    async (_, storage) => {
      await worker.create(account.key);
      const run = await worker.start(account.key, {
        storage: { ...storage, folder_prefix: "team" },
        folder: "talks",
      });
      expect(worker.logs.findLast(({ route }) => route === "/jobs")).toMatchObject({ d1_calls: 1 });
      expect(run.target).toMatchObject({ provider: storage.provider, managed: false });
      expect(run.key_prefix).toEqual({ base_folder: "videos", folder_prefix: "team", folder: "talks" });
      expect(await rows("job_credentials")).toMatchObject([{ job_id: run.job_id, key_id: "tests" }]);
      expect(await worker.job(account.key, run.job_id)).toMatchObject({ storage_provider: storage.provider });
      await expectNoSecrets();
    },
  );

  const ends = {
    "a delivery": (run) => worker.report(run, "outcome", completed),
    "a failure": (run) => worker.report(run, "outcome", failed("private")),
    "a cancellation": (run) => call("DELETE", `/jobs/${run.job_id}`),
    "the last of its interruptions": async () => {
      for (let i = 0; i < 5; i++) {
        worker.now += 60_000;
        await worker.reconcile();
        await worker.consumeDispatchQueue();
      }
    },
  } satisfies Record<string, (run: Awaited<ReturnType<Harness["start"]>>) => Promise<unknown>>;

  it.each(Object.entries(ends))("is deleted by the write of %s", async (_, end) => {
    const run = await worker.start(account.key, { storage: s3 });
    await end(run);
    expect((await worker.job(account.key, run.job_id)).finished_at).not.toBeNull();
    expect(await rows("job_credentials")).toEqual([]);
    await expectNoSecrets();
  });

  it("is deleted when the processor rejects the run, or when the job is cancelled before it ran", async () => {
    worker.network.onRun = () => new Response(null, { status: 400 });
    const id = await worker.create(account.key, { storage: s3 });
    for (let i = 0; i < 3; i++) {
      await worker.consumeDispatchQueue();
      worker.now += 60_000;
      await worker.reconcile();
    }
    expect(await worker.job(account.key, id)).toMatchObject({ status: "Failed" });
    const waiting = await worker.create(account.key, { storage: s3 });
    await call("DELETE", `/jobs/${waiting}`);
    expect(await rows("job_credentials")).toEqual([]);
  });

  it("stays while the job is retried", async () => {
    const run = await worker.start(account.key, { storage: s3 });
    await worker.report(run, "outcome", failed("network"));
    expect(await rows("job_credentials")).toHaveLength(1);
    worker.now += 60_000;
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: run.job_id, attempt: 2, target: { bucket: "media" } });
  });

  it("that was lost or moved to another job's row ends the job, and nothing is handed over", async () => {
    const [first, second] = [
      await worker.create(account.key, { storage: s3 }),
      await worker.create(account.key, { storage: s3 }),
    ];
    await env.DB.exec(`delete from job_credentials where job_id = '${second}'`);
    await env.DB.exec(`update job_credentials set job_id = '${second}' where job_id = '${first}'`);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toEqual([]);
    for (const id of [first, second]) {
      expect(await worker.job(account.key, id)).toMatchObject({ error_code: "upload_refused", attempt: 1 });
    }
    expect(await rows("job_credentials")).toEqual([]);
  });

  it("left behind by mistake is deleted by reconcile, and that of unfinished jobs is not", async () => {
    const [ended, waiting] = [
      await worker.create(account.key),
      await worker.create(account.key, { storage: s3 }),
    ];
    await call("DELETE", `/jobs/${ended}`);
    await env.DB.exec(
      `insert into job_credentials (job_id, sealed, key_id, created_at) values ('${ended}', 'x', 'k', 0), ('gone', 'x', 'k', 0)`,
    );
    worker.now += 120_000;
    expect(await worker.reconcile()).toMatchObject({ stray_secrets: 2 });
    expect(await rows("job_credentials")).toMatchObject([{ job_id: waiting }]);
  });

  it.each([
    ["s3", s3, "DELETE media.s3.eu-west-1.amazonaws.com/videos/a.mp4?uploadId=u1"],
    ["gcs", gcs, "DELETE storage.googleapis.com/media/videos/a.mp4?uploadId=u1"],
    ["oss", oss, "DELETE media.oss-cn-beijing.aliyuncs.com/videos/a.mp4?uploadId=u1"],
    [
      "blob",
      blob,
      "GET acmevideos.blob.core.windows.net/media/videos/a.mp4?blocklisttype=uncommitted&comp=blocklist",
    ],
  ])(
    "of %s: an upload left by a dead run is aborted from memory when the job is cancelled",
    async (_, storage, abort) => {
      const run = await worker.start(account.key, { storage });
      await worker.report(run, "upload", { key: "videos/a.mp4", ref: "u1" });
      worker.network.calls.length = 0;
      await call("DELETE", `/jobs/${run.job_id}`);
      expect(worker.network.calls).toContain(abort);
      worker.now += 120_000;
      expect(await worker.reconcile()).toMatchObject({ orphaned_uploads: 0 });
    },
  );

  it("that fails to abort an upload is asked three times, and the job stays cancelled", async () => {
    const run = await worker.start(account.key, { storage: s3 });
    await worker.report(run, "upload", { key: "videos/a.mp4", ref: "u1" });
    worker.network.calls.length = 0;
    worker.network.onOther = unreachable;
    expect((await call("DELETE", `/jobs/${run.job_id}`)).status).toBe(200);
    expect(worker.network.calls.filter((made) => made.includes("uploadId"))).toHaveLength(3);
    expect(await rows("job_credentials")).toEqual([]);
  });

  it("must be sent again with a retry", async () => {
    const run = await worker.start(account.key, { storage: s3 });
    await worker.report(run, "outcome", failed("private"));
    const refused = await call("POST", `/jobs/${run.job_id}/retry`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: expect.stringMatching(/^storage is required: /),
      issues: [{ path: "storage" }],
    });
    const retried = await call("POST", `/jobs/${run.job_id}/retry`, { storage: oss });
    expect(retried.status).toBe(201);
    await worker.consumeDispatchQueue();
    expect(worker.network.run.target.provider).toBe("oss");
  });

  it("must be sent again to delete the file, and name the same place", async () => {
    const run = await worker.start(account.key, { storage: s3 });
    await worker.report(run, "outcome", completed);
    const remove = (body?: object) => call("DELETE", `/jobs/${run.job_id}/file`, body);
    expect(await (await remove()).json()).toMatchObject({
      error: expect.stringMatching(/^storage is required/),
    });
    expect(await (await remove({ storage: oss })).json()).toMatchObject({
      error: "storage is not the storage that the job delivered to",
    });
    worker.network.calls.length = 0;
    const response = await remove({ storage: s3 });
    expect(await response.json()).toMatchObject({ deleted_key: completed.outcome.delivery.key });
    expect(worker.network.calls).toEqual([
      "DELETE media.s3.eu-west-1.amazonaws.com/videos/A%20title%20%5Babc%5D.mp4",
    ]);
    expect((await worker.job(account.key, run.job_id)).s3_url).toBeNull();
  });

  it("signs links once, which are kept sealed for a day and then removed", async () => {
    const run = await worker.start(account.key, { storage: s3 });
    await worker.report(run, "outcome", completed);
    const link = async () => (await worker.job(account.key, run.job_id)).s3_url;
    const first = await link();
    expect(first).toContain("X-Amz-Expires=86400");
    worker.now += 60_000;
    expect(await link()).toBe(first);
    expect(await everything()).not.toContain(s3.access_key);
    worker.now += 24 * 60 * 60_000;
    expect(await link()).toBeNull();
    await worker.reconcile();
    expect(await rows("jobs")).toMatchObject([{ links: null, links_expire_at: null }]);
  });

  it("never puts a SAS token into a link", async () => {
    const run = await worker.start(account.key, { storage: sas });
    await worker.report(run, "outcome", completed);
    expect((await worker.job(account.key, run.job_id)).s3_url).toBeNull();
  });
});

describe("an account's own storage", () => {
  const MESSAGES = {
    s3: "S3 storage configured successfully",
    blob: "Azure Blob storage configured successfully",
    gcs: "Google Cloud Storage configured successfully",
    oss: "Alibaba OSS storage configured successfully",
  };
  const set = async (storage: InlineStorage) => {
    const { provider, ...body } = storage;
    return (await call("POST", `/user/${provider}`, body)).json();
  };

  it.each([s3, blob, gcs, oss])(
    "%#: is verified, sealed, shown masked, used and removed",
    async (storage) => {
      const { provider } = storage;
      expect(await set({ ...storage, folder_prefix: "team" })).toEqual({
        message: MESSAGES[provider],
        provider,
        container_or_bucket: "media",
        folder_prefix: "team",
      });
      const shown = await (await call("GET", `/user/${provider}`)).json<Record<string, unknown>>();
      expect(shown).toMatchObject({ configured: true, source: "account", base_folder: "videos" });
      expect(shown.last_modified).toBe(worker.now);
      expect(shown.access_key_masked).toMatch(/^\*{4}.{0,4}$/);
      await expectNoSecrets();

      const run = await worker.start(account.key);
      expect(run.target).toMatchObject({ provider, managed: false });
      expect(run.key_prefix).toEqual({ base_folder: "videos", folder_prefix: "team" });
      await worker.report(run, "outcome", completed);
      const job = await worker.job(account.key, run.job_id);
      expect(job).toMatchObject({ storage_provider: provider, marketplace_source: null });
      expect(new URL(job.s3_url ?? "").search).toMatch(/signature|sig=/i);

      expect((await call("DELETE", `/user/${provider}`)).status).toBe(200);
      expect((await call("DELETE", `/user/${provider}`)).status).toBe(404);
      expect(await (await call("GET", `/user/${provider}`)).json()).toMatchObject({
        configured: false,
        source: "managed",
      });
      expect((await worker.job(account.key, run.job_id)).s3_url).toBeNull();
      expect((await worker.start(account.key)).target).toMatchObject({ managed: true });
    },
  );

  it("is the last one set, an inline one goes first, and other accounts have none of it", async () => {
    await set(s3);
    await set(oss);
    expect(await (await call("GET", "/user/s3")).json()).toMatchObject({
      configured: false,
      source: "account",
    });
    expect((await worker.start(account.key)).target.provider).toBe("oss");
    expect((await worker.start(account.key, { storage: blob })).target.provider).toBe("blob");
    const other = await worker.account();
    expect((await worker.start(other.key)).target).toMatchObject({ managed: true });
  });

  it("takes one round trip to accept a job, as without it", async () => {
    await set(s3);
    await worker.create(account.key);
    expect(worker.logs.findLast(({ route }) => route === "/jobs")).toMatchObject({ d1_calls: 1 });
  });

  it("has an older path for S3, and refuses an invalid body", async () => {
    const { provider: _, ...body } = s3;
    expect((await call("POST", "/user/bucket", body)).status).toBe(200);
    expect(await (await call("GET", "/user/bucket")).json()).toMatchObject({
      configured: true,
      access_key_masked: "****NARY",
    });
    expect((await call("POST", "/user/s3", { bucket: "b" })).status).toBe(400);
    expect((await call("POST", "/user/blob", { account_name: "a", container: "c" })).status).toBe(400);
  });

  it.each([s3, blob, gcs, oss])(
    "%#: is tested by writing a small object, whenever the caller asks",
    async (storage) => {
      const tested = () => call("POST", "/user/storage/test");
      expect((await tested()).status).toBe(404);
      await set({ ...storage, folder_prefix: "team" });
      worker.network.calls.length = 0;
      expect(await (await tested()).json()).toEqual({
        message: expect.stringMatching(/ works: a small object was written and deleted$/),
        provider: storage.provider,
        container_or_bucket: "media",
        folder_prefix: "team",
      });
      const written = worker.network.calls.filter((each) => each.includes("verify_credentials.txt"));
      expect(written.map((each) => each.split(" ")[0])).toEqual(["PUT", "DELETE"]);
      expect(written[0]).toContain("/videos/team/verify_credentials.txt");
      await expectNoSecrets();
      expect(
        (await worker.call("POST", "/user/storage/test", { key: (await worker.account()).key })).status,
      ).toBe(404);
    },
  );

  it("is tested as it is now: a refusal says why, and a missing permission is reported", async () => {
    await set(s3);
    const tested = async () => (await call("POST", "/user/storage/test")).json();
    worker.network.onOther = ({ method }) =>
      new Response("<Code>AccessDenied</Code>", { status: method === "PUT" ? 200 : 403 });
    expect(await tested()).toMatchObject({
      message: "S3 storage works: a small object was written",
      adjustments: [{ field: "storage", to: "write" }],
    });
    worker.network.onOther = () => new Response("<Code>InvalidAccessKeyId</Code>", { status: 403 });
    expect(await tested()).toMatchObject({
      code: "storage_verification_failed",
      error: expect.stringContaining("the storage does not know this access_key"),
    });
    await env.DB.exec("update storage_configs set sealed = 'lost.AAAA'");
    expect(await tested()).toMatchObject({
      code: "storage_verification_failed",
      error: expect.stringContaining("set the storage again"),
    });
  });

  it("belongs to the account: a wish about its keys is reported and not stored", async () => {
    const { provider: _, ...body } = s3;
    expect(
      await (await call("POST", "/user/s3", { ...body, apply_to_all_keys: false })).json(),
    ).toMatchObject({
      adjustments: [{ field: "apply_to_all_keys", from: false, to: true }],
    });
    expect((await call("POST", "/user/storage/test")).status).toBe(200);
  });

  it("names a wrong field as the caller wrote it, once", async () => {
    const refused = async (path: string, body: object) => {
      const { error, issues } = await (await call("POST", path, body)).json<ErrorBody>();
      return [error, issues?.[0]?.path, issues?.[0]?.message];
    };
    const { provider: _, ...body } = { ...s3, endpoint: "http://10.0.0.7" };
    const reason = expect.stringMatching(/^must be a public address \(private address\)/);
    expect(await refused("/user/s3", body)).toEqual([
      expect.stringMatching(/^endpoint must be a public address/),
      "endpoint",
      reason,
    ]);
    expect(await refused("/jobs", { url, storage: { ...body, provider: "s3" } })).toEqual([
      expect.stringMatching(/^storage\.endpoint must be a public address/),
      "storage.endpoint",
      reason,
    ]);
    const account_key = "not base64!";
    expect(await refused("/user/blob", { account_name: "a", container: "c", account_key })).toEqual([
      "Credential validation failed: account_key is not Base64",
      "account_key",
      "is not Base64",
    ]);
    expect(await refused("/user/blob", { account_name: "a", container: "c" })).toEqual([
      "Exactly one of account_key and sas_token is required",
      "account_key",
      "Exactly one of account_key and sas_token is required",
    ]);
    expect(await refused("/jobs", { url, storage: { provider: "ftp" } })).toEqual([
      "storage.provider must be one of s3, blob, gcs, oss",
      "storage.provider",
      "must be one of s3, blob, gcs, oss",
    ]);
  });

  it("is not set when the provider refuses", async () => {
    worker.network.onOther = () => new Response("<Code>AccessDenied</Code>", { status: 403 });
    expect(await set(s3)).toMatchObject({ code: "storage_verification_failed" });
    expect(await rows("storage_configs")).toEqual([]);
  });
});

describe("sealing keys", () => {
  const base64 = (byte: number) => btoa(String.fromCharCode(...new Uint8Array(32).fill(byte)));
  const [old, next] = [`tests:${base64(7)}`, `next:${base64(8)}`];

  it("are rotated: old secrets still open, are sealed again, and then open without the old key", async () => {
    const waiting = await worker.create(account.key, { storage: s3 });
    const { provider: _, ...body } = oss;
    await call("POST", "/user/oss", body);
    const key_id = async () => (await rows("job_credentials"))[0]?.key_id;

    const both = withProvider(new Harness({ SEALING_KEYS: `${next},${old}` }));
    expect(await key_id()).toBe("tests");
    const response = { key_id: "next", unreadable: 0, done: true };
    expect(await both.operator("POST", "/admin/reseal")).toEqual({ ...response, resealed: 2 });
    expect(await both.operator("POST", "/admin/reseal")).toEqual({ ...response, resealed: 0 });
    expect(await key_id()).toBe("next");

    const rotated = withProvider(new Harness({ SEALING_KEYS: next }));
    rotated.dispatchQueue.push({ body: { v: 1, job_id: waiting }, delaySeconds: 0 });
    await rotated.consumeDispatchQueue();
    expect(rotated.network.run.target).toMatchObject({ access_key: s3.access_key });
    expect((await rotated.start(account.key)).target.provider).toBe("oss");
  });

  it("that are lost are reported, and delete nothing", async () => {
    await worker.create(account.key, { storage: s3 });
    const lost = new Harness({ SEALING_KEYS: next });
    expect(await lost.operator("POST", "/admin/reseal")).toMatchObject({ resealed: 0, unreadable: 1 });
    expect(await rows("job_credentials")).toMatchObject([{ key_id: "tests" }]);
  });
});

it("orphaned credentials and expired links are found by an index", async () => {
  const { db } = worker.context();
  for (const query of [strayCredentialsQuery(db, 1, 10), expiredLinksQuery(db, 1, 10)]) {
    const { sql, params } = query.toSQL();
    const { results } = await env.DB.prepare(`explain query plan ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    expect(results.map(({ detail }) => detail).filter((detail) => /^SCAN (?!LIST)/.test(detail))).toEqual([]);
  }
});
