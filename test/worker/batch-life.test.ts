import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedBulk } from "../../schema/api/batch.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { flightQuery, heldQuery, releaseQuery } from "../../worker/db/batch-flight.ts";
import {
  batchQuery,
  claimedQuery,
  countsQuery,
  endsAfterQuery,
  lastEndQuery,
  namesQuery,
  orderQuery,
  overdueBatchesQuery,
  renamesQuery,
  summariesQuery,
  untouchedQuery,
} from "../../worker/db/batch-rows.ts";
import { eraseCredentialsOf } from "../../worker/db/credentials.ts";
import { insertDeliveries, insertSlackDeliveries } from "../../worker/db/delivery-rows.ts";
import type { GuardedSetStatement } from "../../worker/db/guarded-statements.ts";
import { endsQuery } from "../../worker/db/job-moves.ts";
import { concurrentQuery, settleUsageOf } from "../../worker/db/usage-rows.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";

const hook = "https://hooks.example.com/in";
const ID = "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17";

let worker: Harness;
let key: string;

beforeEach(async () => {
  for (const table of ["jobs", "batches", "webhook_deliveries", "job_credentials"]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness();
  ({ key } = await worker.account());
});

type Bulk = z.output<typeof CreatedBulk>;
const create = (count: number, body: object = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", {
    key,
    body: {
      jobs: Array.from({ length: count }, (_, index) => ({
        url: `https://media.example.com/${index}.mp4`,
        filename: `file ${index}`,
      })),
      webhook_url: hook,
      ...body,
    },
  });
const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });
const start = (id: string, as = key) => worker.call("POST", `/batch/${id}/start`, { key: as });
/** The runs of a batch that have not ended yet, oldest first. */
const ended = new Set<string>();
const open = (): RunRequest[] => worker.network.runs.filter(({ job_id }) => !ended.has(job_id));
const end = async (run: RunRequest, outcome: object = completed): Promise<void> => {
  ended.add(run.job_id);
  expect((await worker.report(run, "outcome", outcome)).status).toBe(200);
};
const events = async (type = "batch_completed"): Promise<Record<string, unknown>[]> => {
  const { results } = await env.DB.prepare(
    "select body from webhook_deliveries where type = ? and kind = 'webhook'",
  )
    .bind(type)
    .all<{ body: string }>();
  return results.map(({ body }) => JSON.parse(body));
};

describe("a batch that runs", () => {
  it("never has more jobs under way than its window, keeps their order, and refills the window in pages", async () => {
    const { batch_id, job_ids } = await create(35);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.map(({ job_id }) => job_id)).toEqual(job_ids.slice(0, 20));
    expect(await batch(batch_id)).toMatchObject({ processing_episodes: 20, pending_episodes: 15 });
    const sends = worker.sends;
    for (const run of open().slice(0, 9)) await end(run);
    expect(worker.sends).toBe(sends);
    for (const run of open().slice(0, 1)) await end(run);
    expect([worker.sends - sends, worker.dispatchQueue.length]).toEqual([1, 10]);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.map(({ job_id }) => job_id)).toEqual(job_ids.slice(0, 30));
  });

  it("ends with one webhook event, whose numbers are the sums of its jobs", async () => {
    const { batch_id } = await create(5, { folder: "talks" });
    await worker.consumeDispatchQueue();
    const [first, second, ...rest] = open();
    if (!first || !second) throw new Error("nothing was handed over");
    await end(first, failed("private"));
    await end(second, failed("drm"));
    for (const run of rest) await end(run);
    const view = await batch(batch_id);
    expect(view).toMatchObject({
      status: "finished",
      completed_episodes: 3,
      failed_episodes: 1,
      skipped_episodes: 1,
      processing_episodes: 0,
      pending_episodes: 0,
      finished_at: worker.now,
    });
    const event = {
      type: "batch_completed",
      batch_id,
      show_url: null,
      folder: "talks",
      status: "finished",
      completed: 3,
      failed: 1,
      skipped: 1,
      total: 5,
      list_complete: true,
      metadata: null,
    };
    expect(await events()).toEqual([event]);
    expect(await events("job_completed")).toHaveLength(3);
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts.map(({ body }) => JSON.parse(body))).toContainEqual(event);
    expect([...worker.batches.alarms]).toEqual([]);
  });

  it("is completed when every job was delivered, and notifies Slack", async () => {
    await worker.call("POST", "/user/slack", { key, body: { webhook_url: hook } });
    const { batch_id } = await create(2);
    await worker.consumeDispatchQueue();
    for (const run of open()) await end(run);
    expect(await batch(batch_id)).toMatchObject({ status: "completed" });
    const { results } = await env.DB.prepare(
      "select body from webhook_deliveries where kind = 'slack' and type = 'batch_completed'",
    ).all<{ body: string }>();
    expect(results.map(({ body }) => JSON.parse(body).text)).toEqual([
      `Batch completed: ${batch_id}\n2 of 2 delivered`,
    ]);
  });

  it("does not include a job that is retried: its counters are final", async () => {
    const { batch_id } = await create(1, { paused: true });
    await start(batch_id);
    await worker.consumeDispatchQueue();
    const run = worker.network.run;
    await end(run, failed("private"));
    const retried = await worker.json<{ job_id: string }>("POST", `/jobs/${run.job_id}/retry`, { key });
    expect(await worker.job(key, retried.job_id)).toMatchObject({
      batch_id: null,
      original_job_id: run.job_id,
      filename: "file 0",
      adjustments: [],
    });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: retried.job_id, filename: "file 0" });
    expect(await batch(batch_id)).toMatchObject({ status: "finished", failed_episodes: 1 });
  });

  it("does not wait for streams that have not begun before it releases other jobs", async () => {
    worker = new Harness({ BATCH_WINDOW: "2" });
    ({ key } = await worker.account());
    const { job_ids } = await create(4, { wait_for_video: true });
    await worker.consumeDispatchQueue();
    for (const run of open()) {
      const until = worker.now + 60_000;
      await worker.report(run, "outcome", { outcome: { type: "postponed", until } });
    }
    worker.dispatchQueue.length = 0;
    await worker.batches.ring();
    expect(worker.dispatchQueue.map(({ body }) => body.job_id)).toEqual(job_ids.slice(2));
  });
});

describe("a paused batch", () => {
  it("starts no job, whatever happens, until it is started, which works once", async () => {
    const { batch_id, job_ids } = await create(3, { paused: true });
    worker.dispatchQueue.push({ body: { v: 1, job_id: job_ids[0] ?? "" }, delaySeconds: 0 });
    await worker.consumeDispatchQueue();
    worker.now += 3_600_000;
    await worker.reconcile();
    await worker.batches.wake(batch_id);
    expect([worker.network.runs, worker.dispatchQueue]).toEqual([[], []]);
    const started = await Promise.all([start(batch_id), start(batch_id), start(batch_id)]);
    expect(started.map(({ status }) => status).toSorted()).toEqual([200, 400, 400]);
    expect(await started.find(({ status }) => status === 200)?.json()).toEqual({
      batch_id,
      started_jobs: 3,
      status: "processing",
    });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(3);
    expect(await (await start(batch_id)).json()).toMatchObject({
      error: "Batch is not paused (current status: processing)",
      code: "invalid_request",
    });
  });
});

describe("renaming", () => {
  const rename = (id: string, renames: object[]) =>
    worker.json<{ updated: number; errors: string[] }>("PATCH", `/batch/${id}/jobs`, {
      key,
      body: { renames },
    });
  const names = async (ids: readonly string[]) =>
    Promise.all(ids.map(async (id) => (await worker.job(key, id)).filename));

  it("gives the files the names, which may be swapped", async () => {
    const { batch_id, job_ids } = await create(3, { paused: true });
    const [a = "", b = "", c = ""] = job_ids;
    const done = await rename(batch_id, [
      { job_id: a, filename: "file 1" },
      { job_id: b.toUpperCase(), filename: "file 0" },
      { job_id: c, filename: "new\u202e name" },
    ]);
    expect(done).toEqual({ updated: 3, errors: [] });
    expect(await names(job_ids)).toEqual(["file 1", "file 0", "new name"]);
    await start(batch_id);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.map(({ filename }) => filename)).toEqual(["file 1", "file 0", "new name"]);
  });

  it("refuses each name that is bad or taken, with the reason, and renames the rest", async () => {
    const { batch_id, job_ids } = await create(6, { paused: true });
    const [a = "", b = "", c = "", d = "", e = ""] = job_ids;
    const stranger = await create(1, { paused: true });
    const done = await rename(batch_id, [
      { job_id: a, filename: "../up" },
      { job_id: b, filename: "FILE 5" },
      { job_id: c, filename: "fresh" },
      { job_id: d, filename: "Fresh" },
      // would be free if the second were not refused
      { job_id: e, filename: "file 1" },
      { job_id: ID, filename: "x" },
      { job_id: stranger.job_ids[0], filename: "x" },
      { job_id: "x".repeat(1_000), filename: "x" },
    ]);
    expect(done.updated).toBe(1);
    expect(done.errors).toEqual([
      `${a}: filename must not contain .., / or \\`,
      `${ID}: is not a job of this batch`,
      `${stranger.job_ids[0]}: is not a job of this batch`,
      `${"x".repeat(64)}: is not a job of this batch`,
      `${b}: another file of this batch has this name`,
      `${d}: another file of this batch has this name`,
      `${e}: another file of this batch has this name`,
    ]);
    expect(await names(job_ids)).toEqual(["file 0", "file 1", "fresh", "file 3", "file 4", "file 5"]);
  });

  it("by many requests at once never gives one name twice", async () => {
    const { batch_id, job_ids } = await create(4, { paused: true });
    const done = await Promise.all(
      job_ids.map((job_id) => rename(batch_id, [{ job_id, filename: "the same" }])),
    );
    expect(done.reduce((sum, { updated }) => sum + updated, 0)).toBe(1);
    expect((await names(job_ids)).filter((name) => name === "the same")).toHaveLength(1);
  });

  it("is for paused batches only", async () => {
    const { batch_id, job_ids } = await create(1);
    expect(await rename(batch_id, [{ job_id: job_ids[0], filename: "x" }])).toMatchObject({
      error: "Batch is not paused. Only paused batches can be renamed.",
    });
    for (const body of [{}, { renames: [] }, { renames: [{ job_id: 1 }] }]) {
      expect((await worker.call("PATCH", `/batch/${batch_id}/jobs`, { key, body })).status).toBe(400);
    }
  });
});

describe("another account's batch", () => {
  it("is unknown to every route", async () => {
    const { batch_id } = await create(2, { paused: true });
    const stranger = await worker.account();
    const routes = [
      ["GET", "", undefined],
      ["PATCH", "/jobs", { renames: [{ job_id: ID, filename: "x" }] }],
      ["POST", "/start", undefined],
      ["DELETE", "", undefined],
      ["GET", "/events", undefined],
    ] as const;
    for (const [method, rest, body] of routes) {
      const ask = async (id: string) => {
        const response = await worker.call(method, `/batch/${id}${rest}`, { key: stranger.key, body });
        const { request_id: _, ...facts } = await response.json<Record<string, unknown>>();
        return [response.status, facts];
      };
      expect(await ask(batch_id)).toEqual([
        404,
        { error: "There is no batch with this id", code: "not_found" },
      ]);
      expect(await ask(ID)).toEqual(await ask(batch_id));
    }
    expect(await batch(batch_id)).toMatchObject({ status: "paused", pending_episodes: 2 });
  });
});

describe("the object of a batch", () => {
  const small = async (): Promise<void> => {
    worker = new Harness({ BATCH_WINDOW: "4" });
    ({ key } = await worker.account());
  };

  /** Runs a batch to its end, whatever happens to its object. */
  async function live(count: number, afterStep: () => Promise<void> = async () => {}): Promise<Batch> {
    const { batch_id } = await create(count, { paused: true });
    await afterStep();
    await start(batch_id);
    for (let step = 0; step < 5 * count; step++) {
      await afterStep();
      await worker.consumeDispatchQueue();
      const [run] = open();
      if (!run) {
        if ((await batch(batch_id)).finished_at !== null) break;
        // the object was not notified: time passes
        worker.now += 130_000;
        await worker.reconcile();
        continue;
      }
      await end(run, step % 7 === 3 ? failed("private") : completed);
      if (step % 3 === 0) await worker.report(run, "outcome", step % 7 === 3 ? failed("private") : completed);
      expect(open().length).toBeLessThanOrEqual(4);
    }
    const view = await batch(batch_id);
    const list = await worker.json<{ jobs: { status: string }[] }>(
      "GET",
      `/jobs?batch_id=${batch_id}&limit=100`,
      { key },
    );
    const sum = (...statuses: string[]) => list.jobs.filter(({ status }) => statuses.includes(status)).length;
    expect(view).toMatchObject({
      status: sum("Failed", "Warning") > 0 ? "finished" : "completed",
      completed_episodes: sum("Completed"),
      failed_episodes: sum("Failed", "Warning"),
      total_episodes: count,
    });
    expect(sum("Completed", "Failed", "Warning")).toBe(count);
    expect(await events()).toHaveLength(1);
    return view;
  }

  it("may be evicted at every step: everything is in the database", { timeout: 60_000 }, async () => {
    await small();
    worker.batches.areForgetful = true;
    await live(14, async () => worker.batches.evict());
  });

  it("may miss every report that a job has ended: its alarm detects it", { timeout: 60_000 }, async () => {
    await small();
    worker.batches.loseReports = true;
    await live(14, () => worker.batches.ring());
    expect(worker.batches.reports).toBe(0);
  });

  it("is created by reconcile if it was never called", { timeout: 60_000 }, async () => {
    worker.batches.areAway = true;
    const { batch_id } = await create(2);
    expect(worker.dispatchQueue).toEqual([]);
    worker.batches.areAway = false;
    expect(await worker.reconcile()).toMatchObject({ batches: 0 });
    worker.now += 30_000;
    expect(await worker.reconcile()).toMatchObject({ batches: 1 });
    expect(worker.dispatchQueue).toHaveLength(2);
    expect(await worker.reconcile()).toMatchObject({ batches: 0 });
    worker.batches.areAway = true;
    await worker.consumeDispatchQueue();
    for (const run of open()) await end(run);
    expect(await batch(batch_id)).toMatchObject({ status: "processing", completed_episodes: 2 });
    worker.batches.areAway = false;
    worker.now += 120_000;
    await worker.reconcile();
    expect(await batch(batch_id)).toMatchObject({ status: "completed" });
    expect(await events()).toHaveLength(1);
  });

  it("ends the batch once, however many calls try at the same time", async () => {
    const { batch_id } = await create(1);
    await worker.consumeDispatchQueue();
    worker.batches.loseReports = true;
    await end(worker.network.run);
    const others = Array.from({ length: 5 }, () => new Harness());
    await Promise.all(others.map((other) => other.batches.wake(batch_id)));
    await worker.batches.wake(batch_id);
    expect(await events()).toHaveLength(1);
  });

  it("releases no more than the window, however many calls check at the same time", async () => {
    worker.batches.areAway = true;
    const { batch_id } = await create(60);
    worker.batches.areAway = false;
    const others = Array.from({ length: 5 }, () => new Harness());
    await Promise.all(others.map((other) => other.batches.wake(batch_id)));
    expect(others.flatMap(({ dispatchQueue: dispatchMessages }) => dispatchMessages)).toHaveLength(20);
  });
});

describe("the events of a batch", () => {
  interface Event {
    readonly event: string;
    readonly id: string;
    readonly data: Record<string, unknown>;
  }
  async function follow(id: string, lastEventId?: string): Promise<{ status: number; events: Event[] }> {
    const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const response = await worker.call("GET", `/batch/${id}/events`, { key, headers });
    const events = (await response.text())
      .split("\n\n")
      .filter((block) => block.startsWith("event:"))
      .map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2))))
      .map(({ event, id: eventId, data }) => ({ event, id: eventId, data: JSON.parse(data) }));
    return { status: response.status, events };
  }

  it("report the end of each job once, in order, with the counters, and end after the final one", async () => {
    const { batch_id, job_ids } = await create(3);
    await worker.consumeDispatchQueue();
    const [a, b, c] = open();
    if (!a || !b || !c) throw new Error("nothing was handed over");
    const steps = [() => end(b), async () => {}, () => end(a, failed("private")), () => end(c)];
    worker.onWait = async () => steps.shift()?.();
    const { status, events } = await follow(batch_id);
    expect(status).toBe(200);
    expect(events.map(({ event, id, data }) => [event, id, data.job_id ?? data.processing_episodes])).toEqual(
      [
        ["progress", "0", 3],
        ["job", "1", job_ids[1]],
        ["progress", "1", 2],
        ["job", "2", job_ids[0]],
        ["progress", "2", 1],
        ["job", "3", job_ids[2]],
        ["status", "4", 0],
      ],
    );
    expect(events[3]?.data).toMatchObject({ status: "Warning", error_code: "private", batch_id });
    expect(events.at(-1)?.data).toMatchObject({ status: "finished", completed_episodes: 2 });
    for (const [index, { id }] of events.entries()) {
      const resumed = await follow(batch_id, id);
      if (index === events.length - 1) expect(resumed).toEqual({ status: 204, events: [] });
      else {
        const missed = events.filter((event) => event.event !== "progress" && Number(event.id) > Number(id));
        expect(resumed.events).toEqual(missed);
      }
    }
    expect((await follow(batch_id, "'; drop table batches")).events).toHaveLength(4);
  });
});

describe("the Worker as it is deployed", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("drives a batch by its Durable Object, which survives evictions and finally removes the batch", async () => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    vi.spyOn(globalThis, "fetch").mockImplementation(worker.network.fetch);
    worker.batches.areAway = true;
    worker.now = Date.now();
    const { batch_id, job_ids } = await create(25);
    const object = env.BATCHES.get(env.BATCHES.idFromName(batch_id));
    const alarm = () => runInDurableObject(object, (_, { storage }) => storage.getAlarm());
    await object.wake(batch_id);
    expect(await alarm()).not.toBeNull();
    const released =
      "select count(*) as n from jobs where batch_id = ? and (due_at is not null or attempt > 0)";
    const count = async (sql: string) => (await env.DB.prepare(sql).bind(batch_id).first<{ n: number }>())?.n;
    expect(await count(released)).toBe(20);
    await vi.waitFor(() => expect(worker.network.runs).toHaveLength(20), { timeout: 20_000, interval: 20 });
    const finish = async () => {
      for (const run of open()) await end(run);
    };
    await finish();
    await evictDurableObject(object);
    // the first report after the eviction: nothing is left in memory
    await object.ended(batch_id, job_ids[0] ?? "");
    await vi.waitFor(() => expect(worker.network.runs).toHaveLength(25), { timeout: 20_000, interval: 20 });
    const known = await object.waitForChange(batch_id, -1, 0);
    const changes = object.waitForChange(batch_id, known, 30_000);
    const [run] = open();
    if (run) await end(run);
    await object.ended(batch_id, run?.job_id ?? "");
    expect(await changes).toBeGreaterThan(known);
    await finish();
    await evictDurableObject(object);
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await batch(batch_id)).toMatchObject({ status: "completed", completed_episodes: 25 });
    expect(await alarm()).toBeNull();
    expect(await events()).toHaveLength(1);
  });
});

describe("the database", () => {
  const db = () => worker.context().db;
  const ofSet = (statement: GuardedSetStatement) =>
    statement(
      db(),
      (jobId) => sql`exists (select 1 from jobs where jobs.id = ${jobId} and jobs.attempt = 0)`,
    ) as unknown as ReturnType<typeof batchQuery>;
  const queries = {
    "a batch": () => batchQuery(db(), "b"),
    "its counters": () => countsQuery(db(), "b"),
    "its jobs in order": () => summariesQuery(db(), "b", 5_000),
    "the ids of its jobs in order": () => orderQuery(db(), "b"),
    "the names of its files": () => namesQuery(db(), "b"),
    "ends after an end": () => endsAfterQuery(db(), "b", 1, 200),
    "the last end": () => lastEndQuery(db(), "b"),
    "what to release": () => releaseQuery(db(), "b", { now: 1, enqueueDueAt: 2, window: 20 }),
    "what is in flight": () => flightQuery(db(), "b"),
    "what is held": () => heldQuery(db(), "b"),
    "what was never claimed": () => untouchedQuery(db(), "b", 0, 1_000),
    "what was claimed": () => claimedQuery(db(), "b", 1_000),
    "what to rename": () => renamesQuery(db(), { id: "b", revision: 1 }, [{ id: "x", filename: "y" }]),
    "what to cancel": () => endsQuery(db(), { batchId: "b", ids: ["x"] }, { status: "Failed" }),
    "jobs at the same time": () => concurrentQuery(db(), "a"),
    "whose credentials to erase": () => ofSet(eraseCredentialsOf(["x"])),
    "what to count": () => ofSet(settleUsageOf("a", "2026-11", ["x"])),
    "what to report": () => ofSet(insertDeliveries("[]")),
    "what to send to Slack": () => ofSet(insertSlackDeliveries("[]", "a", ["all"])),
    "silent batches": () => overdueBatchesQuery(db(), 1, 2, 50),
  };
  it.each(Object.entries(queries))("finds %s by an index, in its order", async (_, query) => {
    await expectIndexed(query());
  });
});
