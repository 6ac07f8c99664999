import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedBulk } from "../../schema/api/batch.ts";
import { markCancelled } from "../../worker/db/batch-rows.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";

const hook = "https://hooks.example.com/in";

let worker: Harness;
let key: string;
let accountId: string;

beforeEach(async () => {
  for (const table of [
    "jobs",
    "batches",
    "webhook_deliveries",
    "job_credentials",
    "usage",
    "storage_backoff",
  ]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness();
  ({ key, id: accountId } = await worker.account());
});

type Bulk = z.output<typeof CreatedBulk>;
const create = (count: number, body: object = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", {
    key,
    body: {
      jobs: Array.from({ length: count }, (_, index) => ({ url: `https://media.example.com/${index}.mp4` })),
      webhook_url: hook,
      ...body,
    },
  });
const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });
const cancel = (id: string) => worker.json("DELETE", `/batch/${id}`, { key });
const rows = async <T = Record<string, unknown>>(sql: string): Promise<T[]> =>
  (await env.DB.prepare(sql).all<T>()).results;
const typesOf = () =>
  rows(
    "select type, count(*) as n from webhook_deliveries where kind = 'webhook' group by type order by type",
  );

describe("cancelling a batch", () => {
  it("ends held, released and running jobs, each with its own webhook event, and the batch with one", async () => {
    const { batch_id, job_ids } = await create(30, { storage: s3 });
    await worker.consumeDispatchQueue();
    const [first, second] = worker.network.runs;
    if (!first || !second) throw new Error("nothing was handed over");
    await worker.report(first, "outcome", completed);
    await worker.report(second, "upload", { key: "videos/b.mp4", ref: "u1" });
    expect(await cancel(batch_id)).toEqual({ batch_id, cancelled_jobs: 29, status: "finished" });
    expect(await batch(batch_id)).toMatchObject({
      status: "finished",
      completed_episodes: 1,
      failed_episodes: 29,
      pending_episodes: 0,
      processing_episodes: 0,
      finished_at: worker.now,
    });
    for (const id of [second.job_id, job_ids[29] ?? ""]) {
      expect(await worker.job(key, id)).toMatchObject({
        status: "Failed",
        step: "Cancelled",
        error: "Job cancelled by user",
        error_code: "cancelled",
        finished_at: worker.now,
      });
    }
    expect(
      worker.network.calls.filter((call) => call.startsWith("DELETE processor.example/runs/")),
    ).toHaveLength(19);
    expect(worker.network.calls.filter((call) => call.includes("uploadId=u1"))).toHaveLength(1);
    expect(await typesOf()).toEqual([
      { type: "batch_completed", n: 1 },
      { type: "job_completed", n: 1 },
      { type: "job_failed", n: 29 },
    ]);
    expect(await rows("select * from job_credentials")).toEqual([]);
    expect(await rows("select jobs from usage")).toEqual([{ jobs: 30 }]);
    const ends = await rows<{ end_index: number }>("select end_index from jobs order by end_index");
    expect(new Set(ends.map(({ end_index }) => end_index)).size).toBe(30);
    expect(Math.min(...ends.map(({ end_index }) => end_index))).toBe(1);
  });

  it("changes nothing the second time, and nothing about jobs that have ended", async () => {
    const { batch_id } = await create(3, { paused: true });
    expect(await cancel(batch_id)).toMatchObject({ cancelled_jobs: 3, status: "finished" });
    expect(await cancel(batch_id)).toMatchObject({ cancelled_jobs: 0, status: "finished" });
    expect(await typesOf()).toContainEqual({ type: "batch_completed", n: 1 });
    expect(await rows("select jobs from usage")).toEqual([{ jobs: 3 }]);
    const started = await worker.call("POST", `/batch/${batch_id}/start`, { key });
    expect(await started.json()).toMatchObject({ error: "Batch is not paused (current status: finished)" });
  });

  it("by many requests at once cancels each job once", async () => {
    const { batch_id } = await create(40);
    await worker.consumeDispatchQueue();
    const responses = await Promise.all(
      Array.from({ length: 4 }, () =>
        worker.json<{ cancelled_jobs: number }>("DELETE", `/batch/${batch_id}`, { key }),
      ),
    );
    expect(responses.reduce((sum, { cancelled_jobs }) => sum + cancelled_jobs, 0)).toBe(40);
    expect(await typesOf()).toEqual([
      { type: "batch_completed", n: 1 },
      { type: "job_failed", n: 40 },
    ]);
    expect(await rows("select jobs from usage")).toEqual([{ jobs: 40 }]);
  });

  it("lets a job that is being published finish, and cancels one whose publishing fails", async () => {
    const { batch_id } = await create(3);
    await worker.consumeDispatchQueue();
    const [first, second] = worker.network.runs;
    if (!first || !second) throw new Error("nothing was handed over");
    for (const run of [first, second]) await worker.report(run, "publish");
    expect(await cancel(batch_id)).toEqual({ batch_id, cancelled_jobs: 1, status: "processing" });
    await worker.report(first, "outcome", completed);
    // a failure that would be retried: a cancelled batch starts nothing any more
    await worker.report(second, "outcome", failed("upload_failed"));
    expect(await worker.job(key, second.job_id)).toMatchObject({ status: "Pending" });
    await worker.batches.ring();
    expect(await worker.job(key, second.job_id)).toMatchObject({ status: "Failed", step: "Cancelled" });
    expect(await batch(batch_id)).toMatchObject({
      status: "finished",
      completed_episodes: 1,
      failed_episodes: 2,
    });
    expect(await typesOf()).toContainEqual({ type: "batch_completed", n: 1 });
  });

  it("continues after the Worker died in the middle of it", async () => {
    const { batch_id } = await create(30);
    await worker.consumeDispatchQueue();
    await markCancelled(worker.context().db, accountId, batch_id, {
      now: worker.now,
      checkDueAt: worker.now,
    });
    const before = worker.dispatchQueue.length;
    await worker.report(worker.network.run, "outcome", completed);
    worker.now += 1;
    await worker.reconcile();
    expect(worker.dispatchQueue).toHaveLength(before);
    expect(await batch(batch_id)).toMatchObject({
      status: "finished",
      completed_episodes: 1,
      failed_episodes: 29,
    });
    expect(await typesOf()).toContainEqual({ type: "batch_completed", n: 1 });
  });

  it("also ends jobs that are claimed meanwhile", async () => {
    const { batch_id } = await create(20);
    await Promise.all([worker.consumeDispatchQueue(), cancel(batch_id)]);
    await worker.batches.ring();
    expect(await batch(batch_id)).toMatchObject({ status: "finished", failed_episodes: 20 });
    expect(await typesOf()).toEqual([
      { type: "batch_completed", n: 1 },
      { type: "job_failed", n: 20 },
    ]);
  });

  it("job by job leaves the others alone, and ends the batch with the last one, even if it was paused", async () => {
    const { batch_id, job_ids } = await create(3, { paused: true });
    for (const [index, id] of job_ids.entries()) {
      expect((await worker.call("DELETE", `/jobs/${id}`, { key })).status).toBe(200);
      expect(await batch(batch_id)).toMatchObject({ failed_episodes: index + 1 });
    }
    expect(await batch(batch_id)).toMatchObject({ status: "finished" });
    expect(await typesOf()).toContainEqual({ type: "batch_completed", n: 1 });
  });
});

describe("5,000 jobs", () => {
  it("are cancelled with a handful of database calls", { timeout: 60_000 }, async () => {
    const entries = Array.from({ length: 5_000 }, (_, index) => ({
      url: `https://lists.example.com/watch/${index}`,
      mediaUrl: null,
      sourceId: String(index),
      title: `Part ${index}`,
      description: null,
      releaseDate: null,
      skipped: null,
    }));
    worker.onListing = () => ({ kind: "playlist", title: null, entries });
    const { batch_id } = await worker.json<{ batch_id: string }>("POST", "/jobs", {
      key,
      body: { url: "https://lists.example.com/", batch: true, storage: s3, webhook_url: hook },
    });
    expect(await cancel(batch_id)).toEqual({ batch_id, cancelled_jobs: 5_000, status: "finished" });
    const request = worker.logs.findLast(({ event }) => event === "request");
    expect(request?.d1_calls).toBeLessThanOrEqual(20);
    expect(await typesOf()).toEqual([
      { type: "batch_completed", n: 1 },
      { type: "job_failed", n: 5_000 },
    ]);
    expect(await rows("select count(distinct end_index) as n, max(end_index) as last from jobs")).toEqual([
      { n: 5_000, last: 5_000 },
    ]);
    expect(await rows("select count(*) as n from job_credentials")).toEqual([{ n: 0 }]);
    expect(await rows("select jobs from usage")).toEqual([{ jobs: 5_000 }]);
  });
});
