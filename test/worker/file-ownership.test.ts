import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { isBeingWritten, takeFile, takeSidecars } from "../../worker/db/object-owners.ts";
import { failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { FakeRun, sha256 } from "./support/fake-processor.ts";
import { Harness } from "./support/harness.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { s3 } from "./support/storages.ts";

/** Which job owns an object when several deliver under the same name. */

const DAY = 24 * 60 * 60_000;
const HOOK = "https://hooks.example.com/in";

let worker: Harness;
let storage: MemoryStorage;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of ["jobs", "job_credentials", "storage_configs", "webhook_deliveries"])
    await env.DB.exec(`delete from ${table}`);
  worker = new Harness();
  storage = new MemoryStorage();
  worker.network.onStorage = storage.respond;
  worker.network.onOther = storage.respond;
  account = await worker.account();
});
afterEach(() => storage.clear());

const start = async (request: object = {}, key = account.key): Promise<FakeRun> =>
  new FakeRun(worker, storage, await worker.start(key, { filename: "talk", ...request }));
const deliver = async (request: object = {}, key = account.key): Promise<FakeRun> => {
  const run = await start(request, key);
  await run.finish();
  return run;
};
const read = ({ run }: FakeRun, key = account.key): Promise<Job> => worker.job(key, run.job_id);
const deleteFile = ({ run }: FakeRun, key = account.key, body?: object): Promise<Response> =>
  worker.call("DELETE", `/jobs/${run.job_id}/file`, { key, body });
const fetched = async (link: string | null): Promise<string> =>
  (await worker.network.fetch(link ?? "")).text();

/** The job's link returns its own bytes. */
async function expectOwn(run: FakeRun, key = account.key): Promise<Job> {
  const job = await read(run, key);
  expect(job).toMatchObject({ status: "Completed", file_replaced_by: null });
  expect(await sha256(await fetched(job.s3_url))).toBe(job.sha256);
  return job;
}

describe("two accounts that choose the same file name", () => {
  it("have one file each, whatever the other delivers, deletes or lets expire", async () => {
    const other = await worker.account({ retention_days: 1 });
    const request = { folder: "minutes", download_subtitles: true, download_thumbnail: true };
    const mine = await deliver(request);
    const theirs = await deliver(request, other.key);
    expect(mine.key).not.toBe(theirs.key);
    const { subtitle_url, thumbnail_url } = await expectOwn(mine);
    await expectOwn(theirs, other.key);
    expect((await deleteFile(theirs, other.key)).status).toBe(200);
    const later = await deliver(request, other.key);
    worker.now += DAY;
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    expect(await read(later, other.key)).toMatchObject({ s3_key: null, s3_url: null });
    await expectOwn(mine);
    expect(await fetched(subtitle_url)).toBe(`subtitles of ${mine.run.job_id}`);
    expect(await fetched(thumbnail_url)).toBe(`thumbnail of ${mine.run.job_id}`);
  });

  it("do not wait for each other to write it", async () => {
    const other = await worker.account();
    const [mine, theirs] = [await start(), await start({}, other.key)];
    for (const run of [mine, theirs]) await run.step();
    for (const run of [mine, theirs]) await run.step();
    for (const run of [mine, theirs]) await run.step();
    expect([mine.hasWritten, theirs.hasWritten]).toEqual([true, true]);
  });
});

describe.each([
  ["the managed bucket", {}, undefined],
  ["the account's storage", {}, s3],
  ["storage that comes with each job", { storage: s3 }, undefined],
])("a file in %s that a later job of the account writes again", (_, request, own) => {
  beforeEach(async () => {
    if (!own) return;
    const { provider: _provider, ...body } = own;
    const response = await worker.call("POST", "/user/s3", { key: account.key, body });
    expect(response.status).toBe(200);
  });

  it("belongs to the later job, and the job says so", async () => {
    const first = await deliver(request);
    const second = await deliver(request);
    const replaced = await read(first);
    expect(replaced).toMatchObject({
      status: "Completed",
      file_replaced_by: second.run.job_id,
      s3_key: first.key,
      ...{ s3_url: null, subtitle_url: null, thumbnail_url: null },
    });
    const { adjustments } = await expectOwn(second);
    expect(adjustments).toEqual([
      {
        ...{ field: "filename", from: null, to: second.key },
        reason: `Replaced the file of job ${first.run.job_id}, which had the same key`,
      },
    ]);
    const response = await deleteFile(first, account.key, "storage" in request ? request : undefined);
    expect([response.status, (await response.json<{ error: string }>()).error]).toEqual([
      400,
      "Job has no file to delete",
    ]);
    await expectOwn(second);
    const third = await deliver(request);
    expect(await read(first)).toMatchObject({ file_replaced_by: second.run.job_id });
    expect(await read(second)).toMatchObject({ file_replaced_by: third.run.job_id });
    await expectOwn(third);
  });

  it("stays with its job where only the extension, or only the folder, is the same", async () => {
    const first = await deliver(request);
    const others = [
      await deliver({ ...request, format: "mkv" }),
      await deliver({ ...request, folder: "elsewhere" }),
      await deliver({ ...request, filename: "talk.en" }),
    ];
    for (const run of [first, ...others]) expect((await expectOwn(run)).adjustments).toEqual([]);
  });
});

describe("subtitles and thumbnails", () => {
  const extras = { download_subtitles: true, subtitle_languages: ["en", "fr"], download_thumbnail: true };

  it("of a file with another extension are replaced one by one, and the loss is reported", async () => {
    const first = await deliver(extras);
    const second = await deliver({ format: "mkv", download_subtitles: true, subtitle_languages: ["en"] });
    const job = await expectOwn(first);
    expect(job).toMatchObject({
      subtitles: [{ language: "fr", url: expect.any(String) }],
      subtitle_key: expect.stringMatching(/talk\.fr\.vtt$/),
      thumbnail_key: expect.stringMatching(/talk\.jpg$/),
      adjustments: [{ reason: expect.stringContaining(second.run.job_id) }],
    });
    expect(await fetched(job.subtitle_url)).toBe(`subtitles of ${first.run.job_id}`);
    expect((await deleteFile(first)).status).toBe(200);
    const { subtitle_url } = await expectOwn(second);
    expect(await fetched(subtitle_url)).toBe(`subtitles of ${second.run.job_id}`);
  });

  it("that a replaced job still has are deleted when it expires, and nothing else", async () => {
    const first = await deliver(extras);
    worker.now += DAY;
    const second = await deliver();
    worker.now += 6 * DAY;
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    expect(await read(first)).toMatchObject({ s3_key: null, file_replaced_by: second.run.job_id });
    expect(await storage.list()).toEqual([expect.stringMatching(/talk\.mp4$/)]);
    await expectOwn(second);
  });

  it("are never confused with a main file, since no media format has their extension", async () => {
    const first = await deliver({ filename: "a.jpg" });
    const second = await deliver({ filename: "a", download_thumbnail: true });
    await expectOwn(first);
    await expectOwn(second);
  });
});

describe("two runs that write the same key", () => {
  it("write it one after the other, and the last one owns it", async () => {
    const [first, second] = [await start(), await start()];
    for (const run of [first, second]) await run.step();
    await first.step();
    await second.step();
    await first.step();
    await second.step();
    expect([first.hasWritten, second.hasWritten, second.isOver]).toEqual([true, false, false]);
    await first.finish();
    await expectOwn(first);
    await second.finish();
    expect(await read(first)).toMatchObject({ file_replaced_by: second.run.job_id });
    await expectOwn(second);
  });

  it("get permission one at a time when they ask at once", async () => {
    const runs = [await start(), await start(), await start()];
    for (const run of runs) await run.step();
    const responses = await Promise.all(runs.map(({ run }) => worker.report(run, "publish")));
    expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 503, 503]);
  });

  it("continue when the one with permission falls silent; no job then owns what it may have written", async () => {
    const before = await deliver();
    const silent = await start();
    for (let step = 0; step < 3; step++) await silent.step();
    expect(silent.hasWritten).toBe(true);
    const waiting = await start();
    await waiting.step();
    await waiting.step();
    expect((await read(waiting)).step).toBe("Downloading");
    worker.now += worker.services.config.leaseMs + 1;
    await worker.json("POST", "/internal/heartbeat", {
      body: {
        ...{ v: 1, instance: "p" },
        runs: [{ ...waiting.run, step: "Uploading", progress: 90, download_rate: null, title: null }],
      },
    });
    await worker.reconcile();
    expect(await read(before)).toMatchObject({ s3_url: null, file_replaced_by: silent.run.job_id });
    await waiting.finish();
    await expectOwn(waiting);
    await worker.consumeDispatchQueue();
    const again = new FakeRun(worker, storage, worker.network.run);
    expect(again.run).toMatchObject({ job_id: silent.run.job_id, attempt: 2 });
    await again.finish();
    await expectOwn(again);
    expect(await read(waiting)).toMatchObject({ file_replaced_by: silent.run.job_id });
  });

  it("leave a file to its job when the storage refused the second run", async () => {
    const first = await deliver();
    const second = await start();
    await second.step();
    await second.step();
    await worker.report(second.run, "outcome", failed("upload_refused"));
    await expectOwn(first);
  });
});

describe("a file that is being deleted", () => {
  it("is written again only afterwards", async () => {
    const first = await deliver();
    const second = await start();
    await second.step();
    storage.onDelete = async () => {
      await second.step();
      expect((await worker.report(second.run, "publish")).status).toBe(503);
    };
    expect((await deleteFile(first)).status).toBe(200);
    await second.finish();
    await expectOwn(second);
    expect(await read(first)).toMatchObject({ s3_key: null, file_replaced_by: null });
  });

  it("by retention is written again only afterwards", async () => {
    await deliver();
    worker.now += 7 * DAY;
    const second = await start();
    await second.step();
    storage.onDelete = async () => {
      expect((await worker.report(second.run, "publish")).status).toBe(503);
    };
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    await second.finish();
    await expectOwn(second);
  });

  it("must wait for a run that may write it, and then belongs to that run", async () => {
    const first = await deliver();
    worker.now += 7 * DAY;
    const second = await start();
    for (let step = 0; step < 3; step++) await second.step();
    const response = await deleteFile(first);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await worker.reconcile()).toMatchObject({ expired_files: 0 });
    await second.finish();
    expect((await deleteFile(first)).status).toBe(400);
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    await expectOwn(second);
  });

  it("can be written at once when the storage refused to delete it, and after a minute when the Worker died", async () => {
    const first = await deliver();
    worker.network.onStorage = () => new Response(null, { status: 503 });
    expect((await deleteFile(first)).status).toBe(503);
    worker.network.onStorage = storage.respond;
    await expectOwn(first);
    const until = worker.now + 60_000;
    await env.DB.prepare("update jobs set erasing_until = ? where id = ?")
      .bind(until, first.run.job_id)
      .run();
    const second = await start();
    await second.step();
    expect((await worker.report(second.run, "publish")).status).toBe(503);
    worker.now = until;
    await second.finish();
    await expectOwn(second);
  });
});

it("a webhook that is retried gives no link to another job's bytes", async () => {
  worker.network.onHook = () => new Response(null, { status: 503 });
  const first = await deliver({ webhook_url: HOOK });
  await worker.consumeDeliveryQueue();
  const bodyOf = (index: number) =>
    JSON.parse(worker.network.posts.at(index)?.body ?? "{}") as Record<string, unknown>;
  expect(await sha256(await fetched(bodyOf(-1).s3_url as string))).toBe(bodyOf(-1).sha256);
  expect(bodyOf(-1)).toMatchObject({ file_replaced_by: null });
  const second = await deliver();
  worker.now += 60 * 60_000;
  worker.network.onHook = () => new Response(null, { status: 204 });
  await worker.reconcile();
  await worker.consumeDeliveryQueue();
  expect(bodyOf(-1)).toMatchObject({
    ...{ job_id: first.run.job_id, s3_url: null },
    file_replaced_by: second.run.job_id,
  });
});

it("the operator's bucket is refused as a caller's storage", async () => {
  const { config } = worker.services;
  const { endpoint, bucket, region } = config.bucket;
  const target = {
    endpoint: `${endpoint}/`,
    bucket,
    region,
    access_key: "access-key",
    secret_key: "secret-key",
  };
  const sentence = expect.stringContaining("operator's own bucket");
  const set = await worker.call("POST", "/user/s3", { key: account.key, body: target });
  expect([set.status, await set.json()]).toMatchObject([400, { error: sentence }]);
  const body = { url: "https://media.example.com/a.mp4", storage: { provider: "s3", ...target } };
  const asked = await worker.call("POST", "/jobs", { key: account.key, body });
  expect([asked.status, await asked.json()]).toMatchObject([400, { error: sentence }]);
  expect(await storage.list()).toEqual([]);
});

describe("the database", () => {
  const place = { accountId: "a", storagePlace: null, key: "a/videos/talk.mp4" };
  it("finds by an index which job owns or writes a key", async () => {
    const { db } = worker.context();
    for (const statement of [takeFile("x", place), takeSidecars("x", place, ["a/videos/talk.jpg"])]) {
      await expectIndexed(statement(db, sql`true`) as never);
    }
    await expectIndexed(db.select({ busy: isBeingWritten("x", place, 1) }).from(sql`(select 1)`) as never);
  });
});
