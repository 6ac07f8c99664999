import { beforeEach, describe, expect, it } from "vitest";
import type { DashboardBatches, DashboardDaily, DashboardJobs } from "../../schema/api/dashboard.ts";
import * as rows from "../../worker/db/dashboard-rows.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { unreachable } from "./support/scripted-network.ts";

const DAY = 24 * 60 * 60_000;

let worker: Harness;
let account: { id: string; key: string };
let other: { id: string; key: string };

beforeEach(async () => {
  await env.DB.batch([env.DB.prepare("delete from jobs"), env.DB.prepare("delete from batches")]);
  worker = new Harness();
  account = await worker.account();
  other = await worker.account();
});

const read = <T = Record<string, unknown>>(path: string, key = account.key) =>
  worker.json<T>("GET", `/dashboard/${path}`, { key });

/** A job that waited two seconds and ran for ten. */
async function end(outcome: object, key = account.key): Promise<string> {
  const id = await worker.create(key);
  worker.now += 2_000;
  await worker.consumeDispatchQueue();
  worker.now += 10_000;
  await worker.report(worker.network.run, "outcome", outcome);
  return id;
}

const NOTHING = {
  client_name: "tests",
  ...{ total_jobs: 0, pending_jobs: 0, processing_jobs: 0, completed_jobs: 0, failed_jobs: 0 },
  ...{ warning_jobs: 0, skipped_jobs: 0, success_rate: null, storage_used_bytes: 0, storage_used_gb: 0 },
  ...{ avg_processing_time_seconds: null, avg_queue_wait_seconds: null, today_throughput_bytes: 0 },
};

describe("GET /dashboard/stats", () => {
  it("counts the account's jobs, bytes and times, and nobody else's", async () => {
    expect(await read("stats")).toEqual(NOTHING);
    await end(completed);
    await end(completed);
    await end(failed("private"));
    await end(failed("is_playlist"));
    await end(failed("drm"));
    await end(completed, other.key);
    await worker.start(account.key);
    await worker.create(account.key);
    expect(await read("stats")).toEqual({
      ...{ client_name: "tests", total_jobs: 7, pending_jobs: 1, processing_jobs: 1, completed_jobs: 2 },
      ...{ failed_jobs: 2, warning_jobs: 1, skipped_jobs: 1, success_rate: 0.5 },
      ...{ storage_used_bytes: 2_000, storage_used_gb: 0, today_throughput_bytes: 2_000 },
      ...{ avg_processing_time_seconds: 10, avg_queue_wait_seconds: 2 },
    });
  });

  it("drops times after a day, and the day's bytes at midnight", async () => {
    await end(completed);
    worker.now = Date.UTC(2026, 10, 25);
    expect(await read("stats")).toMatchObject({
      avg_processing_time_seconds: 10,
      today_throughput_bytes: 0,
    });
    worker.now += DAY;
    expect(await read("stats")).toMatchObject({
      avg_processing_time_seconds: null,
      storage_used_bytes: 1_000,
    });
  });
});

describe("GET /dashboard/jobs", () => {
  it("lists jobs in short form, newest first, in pages", async () => {
    const [first, second] = [await end(completed), await end(failed("private"))];
    await end(completed, other.key);
    const { jobs, total } = await read<DashboardJobs>("jobs");
    expect([total, jobs.map(({ id }) => id)]).toEqual([2, [second, first]]);
    expect(jobs).toMatchObject([
      { status: "Warning", error: "This media is private", error_code: "private", s3_key: null },
      { status: "Completed", error: null, s3_key: delivery.key, file_size: 1_000, title: "A title" },
    ]);
    expect(await read("jobs?limit=1&offset=1")).toMatchObject({ jobs: [{ id: first }], total: 2, limit: 1 });
    expect(await read("jobs?status=completed")).toMatchObject({ jobs: [{ id: first }], total: 1, limit: 50 });
  });

  it("refuses a status that does not exist", async () => {
    const response = await worker.call("GET", "/dashboard/jobs?status=gone", { key: account.key });
    expect(response.status).toBe(400);
  });
});

describe("GET /dashboard/batches", () => {
  it("counts the jobs of each batch", async () => {
    const ids = [await end(completed), await end(failed("private")), await end(failed("drm"))];
    ids.push(await worker.create(account.key));
    const add = env.DB.prepare(
      `insert into batches (id, account_id, kind, show_url, title, folder, status, total, created_at)
      values (?1, ?2, 'playlist', 'https://media.example.com/list', 'A list', 'lists', 'processing', 4, ?3)`,
    );
    const [mine, empty, theirs] = [1, 2, 3].map((digit) => `01932c7e-8f5a-7c3e-9d41-00000000000${digit}`);
    await env.DB.batch([
      add.bind(mine, account.id, worker.now),
      add.bind(empty, account.id, worker.now),
      add.bind(theirs, other.id, worker.now),
      env.DB.prepare("update jobs set batch_id = ? where id in (select value from json_each(?))").bind(
        mine,
        JSON.stringify(ids),
      ),
    ]);
    const { batches, total } = await read<DashboardBatches>("batches");
    expect([total, batches.map(({ id }) => id)]).toEqual([2, [empty, mine]]);
    expect(batches[1]).toEqual({
      ...{ id: mine, kind: "playlist", show_url: "https://media.example.com/list", title: "A list" },
      ...{ folder: "lists", status: "processing", total_episodes: 4, completed_episodes: 1 },
      ...{ failed_episodes: 1, skipped_episodes: 1, processing_episodes: 0, pending_episodes: 1 },
      ...{ created_at: worker.now, finished_at: null },
    });
    expect(batches[0]).toMatchObject({ completed_episodes: 0, pending_episodes: 0 });
  });
});

describe("GET /dashboard/daily", () => {
  it("says what ended on each day, including days without jobs", async () => {
    await end(completed);
    worker.now += 2 * DAY;
    await end(failed("private"));
    await end(failed("drm"));
    await end(completed, other.key);
    const nothing = { completed: 0, failed: 0, skipped: 0, delivered_bytes: 0 };
    const { daily_stats } = await read<DashboardDaily>("daily?days=3");
    expect(daily_stats).toEqual([
      { ...nothing, date: "2026-11-24", completed: 1, delivered_bytes: 1_000 },
      { ...nothing, date: "2026-11-25" },
      { ...nothing, date: "2026-11-26", failed: 1, skipped: 1 },
    ]);
  });

  it.each([
    ["", 7],
    ["?days=90", 90],
    ["?days=0", 1],
    ["?days=1000", 90],
  ])("accepts 1 to 90 days: %s", async (query, days) => {
    expect((await read<DashboardDaily>(`daily${query}`)).daily_stats).toHaveLength(days);
  });
});

describe("GET /dashboard/cluster", () => {
  it("says what the account's jobs are doing, and whether the processors are well", async () => {
    const run = await worker.start(account.key);
    await worker.start(other.key);
    await worker.create(account.key);
    worker.network.onOther = () =>
      Response.json({ status: "ok", tools: { ytdlp: "2026.10.26", ffmpeg: "7.1.2" } });
    await worker.call("POST", "/internal/heartbeat", {
      headers: { authorization: `Bearer ${run.token}` },
      body: {
        ...{ v: 1, instance: "processor-0" },
        runs: [
          {
            ...{ job_id: run.job_id, attempt: run.attempt, token: run.token, step: "Uploading" },
            ...{ progress: 70, download_rate: null, title: null },
          },
        ],
      },
    });
    expect(await read("cluster")).toEqual({
      ...{ total_downloading: 0, total_muxing: 0, total_uploading: 1, total_pending: 1 },
      processors: { healthy: true, tools: { ytdlp: "2026.10.26", ffmpeg: "7.1.2" } },
    });
  });

  it("does not reveal what is wrong with a processor", async () => {
    worker.network.onOther = unreachable;
    expect(await read("cluster")).toMatchObject({ processors: { healthy: false, tools: null } });
  });
});

it("the dashboard reads everything by an index", async () => {
  const { db } = worker.context();
  const page = { limit: 20, offset: 0 };
  for (const query of [
    rows.statsQuery(db, account.id, worker.now),
    rows.shortJobsQuery(db, account.id, undefined, page),
    rows.shortJobsQuery(db, account.id, "Completed", page),
    rows.jobTotalQuery(db, account.id, undefined),
    rows.jobTotalQuery(db, account.id, "Completed"),
    rows.batchesQuery(db, account.id, page),
    rows.batchTotalQuery(db, account.id),
    rows.daysQuery(db, account.id, [0, DAY]),
    rows.presentQuery(db, account.id),
  ]) {
    await expectIndexed(query);
  }
});
