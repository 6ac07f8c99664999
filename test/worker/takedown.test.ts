import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { Denial, TakedownJob } from "../../schema/api/operator/denied.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { continueTakedowns } from "../../worker/services/takedowns/takedown.ts";
import { Bucket } from "./support/bucket.ts";
import { delivery } from "./support/delivery.ts";
import { DyingWorker } from "./support/dying.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";
import { hook } from "./support/webhooks.ts";

/** Takedowns: jobs stop, files are deleted, callers are informed, and what dies meanwhile is made up for. */

const MINUTE = 60_000;
const SITE = "denied.example.org";
const UNLIMITED = { isSpent: () => false };

let worker: Harness;
let bucket: Bucket;
let own: Bucket;
let account: { id: string; key: string };
let files = 0;

const TABLES = [
  ...["jobs", "job_media", "job_credentials", "storage_configs", "denials", "denial_terms", "takedown_jobs"],
  ...["webhook_deliveries", "webhook_endpoints", "audit_entries"],
];

async function begin(variables: Record<string, unknown> = {}): Promise<void> {
  for (const table of TABLES) await env.DB.exec(`delete from ${table}`);
  worker = new Harness({ RIGHTS_CONTACT: "legal@example.com", ...variables });
  bucket = new Bucket();
  own = new Bucket(true);
  worker.network.onStorage = bucket.respond;
  worker.network.hosts.set(`${s3.bucket}.${new URL(s3.endpoint).hostname}`, own.respond);
  account = await worker.account();
}
beforeEach(() => begin());

/** A run that was allowed to publish. */
async function publishing(request: object = {}, key = account.key): Promise<RunRequest> {
  files += 1;
  const run = await worker.start(key, { url: `https://${SITE}/${files}`, webhook_url: hook, ...request });
  const object = `${run.key_prefix.base_folder}/${files}.mp4`;
  await worker.report(run, "upload", { key: object, ref: "u" });
  expect((await worker.report(run, "publish")).status).toBe(200);
  (run.target.managed ? bucket : own).keys.add(object);
  return run;
}

async function finish(run: RunRequest): Promise<string> {
  const { upload_key } = await rowOf(run.job_id);
  const key = String(upload_key);
  const thumbnail = key.replace(".mp4", ".jpg");
  (run.target.managed ? bucket : own).keys.add(thumbnail);
  const change = { key, thumbnail_key: thumbnail, sha256: run.job_id.replaceAll("-", "").repeat(2) };
  const outcome = { type: "completed", delivery: { ...delivery, ...change } };
  expect((await worker.report(run, "outcome", { outcome })).status).toBe(200);
  return run.job_id;
}
const deliver = async (request: object = {}, key = account.key) => finish(await publishing(request, key));

const rowOf = async (id: string) =>
  (await env.DB.prepare("select * from jobs where id = ?").bind(id).first<Record<string, unknown>>()) ?? {};
const setStorage = () => {
  const { provider: _, ...body } = s3;
  return worker.call("POST", "/user/s3", { key: account.key, body });
};
const takeDown = (more: object = {}) =>
  worker.operator<Denial>("POST", "/admin/denied", { kind: "site", value: SITE, takedown: true, ...more });
const read = (id: string) => worker.operator<Denial>("GET", `/admin/denied/${id}`);
const jobsOf = async (id: string, query = "") =>
  (await worker.operator<{ jobs: TakedownJob[] }>("GET", `/admin/denied/${id}/jobs?limit=100${query}`)).jobs;
const jobOf = (id: string, key = account.key) => worker.job(key, id);
const eventsOf = async (id: string) => {
  const { results } = await env.DB.prepare(
    "select type, body from webhook_deliveries where job_id = ? and kind = 'webhook' order by id",
  )
    .bind(id)
    .all<{ type: string; body: string }>();
  return results.map(({ type, body }) => ({ type, ...(JSON.parse(body) as Record<string, unknown>) }));
};

/** As reconcile does. */
async function goOn(): Promise<void> {
  const ctx = createExecutionContext();
  await continueTakedowns(worker.context(ctx), UNLIMITED);
  await waitOnExecutionContext(ctx);
}

describe("a takedown", () => {
  it("deletes what was delivered, with its extras, marks the job and informs its owner once", async () => {
    const id = await deliver();
    const other = await deliver({ url: "https://other.example.org/a.mp4" });
    const denial = await takeDown({ reference: "TD-9" });
    expect(await read(denial.id)).toMatchObject({
      takedown: { status: "finished", objects_deleted: 2, jobs: { matched: 1, deleted: 1, waiting: 0 } },
    });
    expect(bucket.deleted).toBe(2);
    expect(await jobOf(id)).toMatchObject({
      ...{ status: "Completed", error_code: "denied", s3_key: null, thumbnail_key: null },
      error: expect.stringContaining("legal@example.com and name the reference TD-9"),
    });
    expect(await jobOf(other)).toMatchObject({ error_code: null, s3_key: expect.any(String) });
    const events = await eventsOf(id);
    expect(events.map(({ type }) => type)).toEqual(["job_completed", "job_denied"]);
    expect(events[1]).toMatchObject({ error_code: "denied", file_deleted: true, reason: null });
    // again changes nothing
    await worker.operator("POST", `/admin/denied/${denial.id}/takedown`);
    expect(await eventsOf(id)).toHaveLength(2);
  });

  it("ends waiting and running jobs, stops the run, and deletes what a run publishes meanwhile", async () => {
    const publishes = await publishing();
    const running = await worker.start(account.key, { url: `https://${SITE}/running`, webhook_url: hook });
    const waiting = await worker.create(account.key, { url: `https://${SITE}/waiting` });
    const { id } = await takeDown();
    expect(worker.network.calls).toContain(`DELETE processor.example/runs/${running.job_id}`);
    expect(await jobOf(running.job_id)).toMatchObject({ status: "Skipped", error_code: "denied" });
    expect(await jobOf(waiting)).toMatchObject({ status: "Skipped", error_code: "denied" });
    expect(await eventsOf(running.job_id)).toMatchObject([{ type: "job_skipped", error_code: "denied" }]);
    expect((await read(id)).takedown).toMatchObject({ status: "running", jobs: { stopped: 2, waiting: 1 } });
    const beat = { ...{ step: "Uploading", progress: 50, download_rate: null, title: null } };
    const { job_id, attempt, token } = running;
    const verdict = await worker.json<{ runs: unknown[] }>("POST", "/internal/heartbeat", {
      body: { v: 1, instance: "a", runs: [{ job_id, attempt, token, ...beat }] },
    });
    expect(verdict.runs).toMatchObject([{ verdict: "cancel" }]);
    await finish(publishes);
    worker.now += MINUTE;
    await worker.reconcile();
    expect((await read(id)).takedown).toMatchObject({
      ...{ status: "finished", objects_deleted: 2 },
      jobs: { matched: 3, stopped: 2, deleted: 1 },
    });
    expect([...bucket.keys]).toEqual([]);
  });

  it("deletes what a lost run may have made visible", async () => {
    const run = await publishing();
    await env.DB.exec(
      "update jobs set status = 'Pending', publishing = 0, lease_expires_at = null, due_at = 9e15",
    );
    const { id } = await takeDown();
    expect(bucket.keys.size).toBe(1);
    worker.now += 2 * MINUTE;
    await worker.reconcile();
    expect([...bucket.keys]).toEqual([]);
    expect(await jobsOf(id)).toMatchObject([{ job_id: run.job_id, state: "stopped", objects_deleted: 1 }]);
  });

  it("deletes from the account's own storage, and says what it could not delete and why", async () => {
    const inline = await deliver({ storage: s3 });
    expect((await setStorage()).status).toBe(200);
    const stored = await deliver();
    const { id } = await takeDown();
    expect((await read(id)).takedown).toMatchObject({ status: "finished", jobs: { deleted: 1, kept: 1 } });
    expect(await jobsOf(id, "&state=kept")).toMatchObject([
      {
        ...{ job_id: inline, account_id: account.id, reason: "inline_storage" },
        explanation: expect.stringContaining("only the caller can delete"),
      },
    ]);
    expect((await eventsOf(inline)).at(-1)).toMatchObject({
      ...{ type: "job_denied", file_deleted: false, key: expect.any(String) },
      reason: expect.stringContaining("credentials came with the job"),
    });
    expect(await jobOf(inline)).toMatchObject({ error_code: "denied", s3_url: null });
    expect(await jobOf(stored)).toMatchObject({ error_code: "denied", s3_key: null });
    // what came with a job is still there, for its owner to delete
    expect(own.keys.size).toBe(2);
  });

  it("asks a storage that is down again for a day, and one that refuses three times", async () => {
    await deliver();
    bucket.onDelete = () => 503;
    const { id } = await takeDown();
    expect((await read(id)).takedown).toMatchObject({ status: "running", jobs: { waiting: 1 } });
    let asked = 1;
    while ((await read(id)).takedown?.status === "running" && asked < 50) {
      worker.now += 3 * 60 * MINUTE;
      await goOn();
      asked += 1;
    }
    expect(asked).toBe(14);
    expect(await jobsOf(id)).toMatchObject([{ state: "kept", reason: "storage_down" }]);
    await worker.operator("DELETE", `/admin/denied/${id}`);
    await env.DB.exec("delete from jobs");
    bucket.onDelete = () => 403;
    await deliver();
    const second = await takeDown();
    for (let tries = 0; tries < 2; tries++) {
      expect((await read(second.id)).takedown).toMatchObject({ status: "running" });
      worker.now += 3 * 60 * MINUTE;
      await goOn();
    }
    expect((await jobsOf(second.id))[0]).toMatchObject({ state: "kept", reason: "storage_refused" });
  });

  it("finds jobs by channel and hash, and learns what else an address is called", async () => {
    const run = await worker.start(account.key, { url: "https://short.example/x" });
    await worker.report(run, "upload", { key: "videos/x.mp4", ref: "u" });
    const identity = {
      urls: [],
      extractor: "vimeo",
      media: "Vimeo 7",
      channels: ["someone"],
      channel_urls: [],
    };
    await worker.report(run, "publish", { identity });
    const sha256 = "cd".repeat(32);
    const outcome = { type: "completed", delivery: { ...delivery, key: "videos/x.mp4", sha256 } };
    await worker.report(run, "outcome", { outcome });
    const matched = async (body: object) => {
      const { id } = await worker.operator<Denial>("POST", "/admin/denied", { takedown: true, ...body });
      await worker.reconcile();
      return (await jobsOf(id)).map(({ job_id }) => job_id);
    };
    expect(await matched({ kind: "hash", value: sha256 })).toEqual([run.job_id]);
    expect(await matched({ kind: "channel", value: "vimeo someone" })).toEqual([run.job_id]);
    expect(await matched({ kind: "channel", value: "vimeo someoneelse" })).toEqual([]);
    const { media, ...found } = await foundMedia();
    worker.network.onProbe = () =>
      Response.json({ v: 1, outcome: { type: "found", media, ...found, identity } });
    expect(await matched({ kind: "url", value: "https://player.vimeo.com/video/7" })).toEqual([run.job_id]);
  });

  it("is logged, and stops when its denial is removed", async () => {
    await deliver();
    const { id } = await takeDown();
    const { entries } = await worker.operator<{
      entries: { action: string; subject: string; detail: object }[];
    }>("GET", "/admin/audit");
    const own = entries.filter(({ subject }) => subject === id);
    expect(own.map(({ action }) => action)).toEqual([
      ...["denied.takedown_finished", "denied.takedown_started", "denied.created"],
    ]);
    expect(own[0]?.detail).toMatchObject({ deleted: 1, objects_deleted: 2 });
    await worker.operator("DELETE", `/admin/denied/${id}`);
    expect((await env.DB.prepare("select * from takedown_jobs").all()).results).toEqual([]);
  });
});

it("goes on wherever a Worker dies: every job is dealt with, every owner informed once", async () => {
  const dying = new DyingWorker(env.DB);
  await begin({ DB: dying.database.binding });
  const delivered = [await deliver(), await deliver()];
  const waiting = await worker.create(account.key, { url: `https://${SITE}/waiting`, webhook_url: hook });
  const inline = await deliver({ storage: s3 });
  const { id } = await worker.operator<Denial>("POST", "/admin/denied", { kind: "site", value: SITE });
  await env.DB.exec(`update denials set takedown_at = ${worker.now}, work_due_at = ${worker.now}`);
  const deaths = await dying.dieEverywhere(
    async () => {
      await goOn();
      return (await env.DB.prepare("select takedown_finished_at as at from denials").first("at")) !== null;
    },
    () => {
      worker.now += 2 * MINUTE;
    },
  );
  expect(deaths).toBeGreaterThan(10);
  expect((await read(id)).takedown).toMatchObject({
    ...{ status: "finished", objects_deleted: 4 },
    jobs: { matched: 4, waiting: 0, stopped: 1, deleted: 2, kept: 1 },
  });
  expect([...bucket.keys]).toEqual([]);
  for (const job of [...delivered, inline]) {
    const types = (await eventsOf(job)).map(({ type }) => type);
    expect(types).toEqual(["job_completed", "job_denied"]);
    expect(await jobOf(job)).toMatchObject({ status: "Completed", error_code: "denied" });
  }
  expect((await eventsOf(waiting)).map(({ type }) => type)).toEqual(["job_skipped"]);
});

/** What a probe reports of any media. */
async function foundMedia() {
  const media = {
    ...{ title: "A", duration: null, width: null, height: null, extractor: "vimeo", uploader: null },
    ...{ thumbnail: null, description: null, view_count: null, like_count: null, upload_date: null },
    ...{ filesize_approx: null, is_live: false, formats: [] },
  };
  return { media, streams: [], estimated_size: null };
}
