import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedPlaylist } from "../../schema/api/batch.ts";
import type { JobList } from "../../schema/api/job.ts";
import { ApiError } from "../../worker/lib/api-error.ts";
import type { ListedEntry } from "../../worker/services/sources/listing/listing.ts";
import { count, entries, entry, hook, list } from "./support/batch-requests.ts";
import { env } from "./support/env.ts";
import { FailingDatabase, type Failure } from "./support/failing-database.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";

/** Lists of more than 5,000 entries, which are read on after the response. */

type Created = z.output<typeof CreatedPlaylist>;

let worker: Harness;
let key: string;
let accountId: string;
let all: ListedEntry[];
/** The numbers of the random decisions, the same each time. */
let seed = 1;
const database = new FailingDatabase(env.DB);
const WINDOW = 500;
const MINUTE = 60_000;

const chance = (): number => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
};

beforeEach(async () => {
  for (const table of [
    "jobs",
    "batches",
    "batch_listings",
    "webhook_deliveries",
    "job_credentials",
    "idempotency_keys",
    "usage",
  ]) {
    await env.DB.exec(`delete from ${table}`);
  }
  database.failureOf = () => null;
  worker = new Harness({ DB: database.binding, BATCH_WINDOW: `${WINDOW}` });
  ({ key, id: accountId } = await worker.account());
  all = entries(6_000);
  worker.onListing = () => ({ kind: "playlist", title: "An album", entries: all });
});

const create = (body: object = {}, headers: Record<string, string> = {}) =>
  worker.json<Created>("POST", "/jobs", { key, body: { url: list, batch: true, ...body }, headers });
const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });
const rows = async <T>(sql: string): Promise<T[]> => (await env.DB.prepare(sql).all<T>()).results;
const listing = async () =>
  (
    await rows<{ position: number; failures: number; due_at: number; sealed: string | null }>(
      "select * from batch_listings",
    )
  )[0];
/** Where the jobs differ from these entries: their position, what it is and what it should be. */
async function differences(wanted: readonly ListedEntry[], order = "batch_index"): Promise<unknown[]> {
  const found = await rows<{ url: string }>(`select url from jobs order by ${order}`);
  const length = Math.max(found.length, wanted.length);
  return Array.from({ length }, (_, index) => [index, found[index]?.url, wanted[index]?.url])
    .filter(([, is, should]) => is !== should)
    .slice(0, 5);
}

/** Lets the jobs in flight end. @returns their positions in the batch */
async function finishJobs(): Promise<number[]> {
  const { results } = await env.DB.prepare(
    `update jobs set status = 'Completed', step = 'Finished', due_at = null, finished_at = ?1, end_index = batch_index + 1
     where due_at is not null and finished_at is null returning batch_index`,
  )
    .bind(worker.now)
    .all<{ batch_index: number }>();
  return results.map(({ batch_index }) => batch_index).sort((one, other) => one - other);
}

/** Rings until the list is read or its reading has to wait. */
const ring = () => worker.batches.ring();

describe("a list of 20,000 entries", () => {
  it("is listed and released in order, each entry once, while processes die in between", {
    timeout: 120_000,
  }, async () => {
    all = entries(20_000);
    const created = await create({ webhook_url: hook });
    expect(created).toMatchObject({ listing: true, total_videos: 5_000 });
    expect(await batch(created.batch_id)).toMatchObject({ status: "listing", list_complete: false });
    let dead: Failure | null = null;
    let [deaths, parts, processorDeaths, releasedWhileListing] = [0, 0, 0, 0];
    // from its death on, a process reaches nothing; its last write may have arrived
    database.failureOf = () => {
      if (dead) return "refused";
      if (chance() > 0.06) return null;
      dead = chance() < 0.5 ? "refused" : "answer_lost";
      deaths += 1;
      return dead;
    };
    worker.onPart = () => {
      parts += 1;
      if (parts % 6 > 0) return;
      processorDeaths += 1;
      throw new ApiError("dependency_unavailable");
    };
    const released: number[] = [];
    let isOver = false;
    for (let step = 0; !isOver && step < 2_000; step++) {
      await worker.batches.ring().catch(() => undefined);
      if (dead) worker.batches.evict();
      dead = null;
      const ended = await finishJobs();
      released.push(...ended);
      const [row] = await rows<{ finished_at: number | null; listing: number }>(
        "select finished_at, (select outcome is null from batch_listings) as listing from batches",
      );
      isOver = row?.finished_at != null;
      if (row?.listing === 1) releasedWhileListing += ended.length;
      worker.now += MINUTE;
      if (step % 3 === 0) await worker.reconcile().catch(() => undefined);
      dead = null;
    }
    database.failureOf = () => null;
    expect(released.filter((position, index) => position !== index)).toEqual([]);
    expect(released).toHaveLength(20_000);
    expect(await differences(all)).toEqual([]);
    expect(await batch(created.batch_id)).toMatchObject({
      ...{ status: "completed", total_episodes: 20_000, completed_episodes: 20_000 },
      ...{ list_complete: true, list_error: null },
    });
    expect(deaths).toBeGreaterThan(5);
    expect(processorDeaths).toBeGreaterThan(1);
    expect(releasedWhileListing).toBeGreaterThan(1_000);
    expect(await listing()).toMatchObject({ sealed: null, known: null, due_at: null });
    expect(await count("webhook_deliveries where type = 'batch_completed'")).toBe(1);
  });
});

describe("a list that changes while it is read", () => {
  /** Changes it once, before the part that begins at a position is handed over. */
  const changeAt = (position: number, change: () => void) => {
    let isDone = false;
    worker.onPart = ({ start }) => {
      if (isDone || start < position) return;
      isDone = true;
      change();
    };
  };

  it("gets the entries that were added to its beginning, and no other twice", async () => {
    all = entries(8_000);
    const before = all;
    await create();
    changeAt(6_000, () => {
      all = [entry(90_000), entry(90_001), ...before];
    });
    await ring();
    expect(await differences([...before, entry(90_000), entry(90_001)])).toEqual([]);
    expect(await rows("select total from batches")).toEqual([{ total: 8_002 }]);
  });

  it("loses none if it becomes shorter in front of the position between two readings", async () => {
    all = entries(8_000);
    const before = all;
    const { batch_id } = await create();
    changeAt(6_000, () => {
      all = before.slice(150);
      throw new ApiError("dependency_unavailable");
    });
    await ring();
    expect(await listing()).toMatchObject({ position: 6_800, failures: 1 });
    expect(await batch(batch_id)).toMatchObject({
      ...{ status: "listing", total_episodes: 6_800 },
      list_error: "A part of the service is not available right now",
    });
    worker.now += MINUTE;
    await ring();
    expect(await differences(before)).toEqual([]);
    expect(await batch(batch_id)).toMatchObject({
      status: "processing",
      list_complete: true,
      list_error: null,
    });
  });

  it("is read from its beginning if it was rearranged", async () => {
    all = entries(8_000);
    const before = all;
    await create();
    changeAt(6_000, () => {
      all = [...before.slice(7_000), ...before.slice(0, 7_000)];
      throw new ApiError("dependency_unavailable");
    });
    await ring();
    worker.now += MINUTE;
    await ring();
    const sorted = before.toSorted((one, other) => (one.url < other.url ? -1 : 1));
    expect(await differences(sorted, "url")).toEqual([]);
  });

  it("delivers an entry once that it has twice, also in the response", async () => {
    all = [...entries(5_999), entry(1), entry(2), entry(6_000)];
    all[3] = entry(2);
    const { video_jobs } = await create();
    expect(video_jobs).toHaveLength(4_999);
    await ring();
    expect(await differences([...all.slice(0, 3), ...all.slice(4, 5_999), entry(6_000)])).toEqual([]);
  });
});

describe("a long list", () => {
  it("is accepted once with an idempotency key, and the response stays the same when it was read on", async () => {
    const headers = { "x-idempotency-key": "k" };
    const created = await create({}, headers);
    await ring();
    expect(await create({}, headers)).toEqual(created);
    expect(await count("jobs")).toBe(6_000);
    expect(created).toMatchObject({ listing: true, total_videos: 5_000 });
  });

  it("gives its later jobs the options, names, credentials and reasons that the first ones have", async () => {
    all = all.map((one, index) => (index % 10 === 3 ? { ...one, skipped: "entry_unavailable" } : one));
    const { batch_id } = await create({
      ...{ webhook_url: hook, storage: s3, filename: "same", folder: "talks", paused: true },
      metadata: { order: "7" },
    });
    expect(await batch(batch_id)).toMatchObject({ status: "listing", started_at: null });
    await ring();
    expect(await batch(batch_id)).toMatchObject({
      ...{ status: "paused", pending_episodes: 5_400, skipped_episodes: 600, list_complete: true },
    });
    expect(await count("job_credentials")).toBe(5_400);
    expect(await rows("select count(distinct filename) as n from jobs")).toEqual([{ n: 6_000 }]);
    expect(await rows("select count(distinct plan || storage_place) as n from jobs")).toEqual([{ n: 1 }]);
    const ends = await rows<{ end_index: number }>(
      "select end_index from jobs where end_index is not null order by batch_index",
    );
    expect(ends.map(({ end_index }) => end_index)).toEqual(ends.map((_, index) => index + 1));
    expect(await count("webhook_deliveries where kind = 'webhook'")).toBe(600);
    const page = await worker.json<z.output<typeof JobList>>("GET", `/jobs?batch_id=${batch_id}&limit=1`, {
      key,
    });
    expect(page.jobs[0]).toMatchObject({ title: "Part 5999", folder: "talks", metadata: { order: "7" } });
  });

  it("may be started, but not renamed, while it is read", async () => {
    const { batch_id, video_jobs } = await create({ paused: true });
    const renames = [{ job_id: video_jobs[0], filename: "first" }];
    const rename = await worker.call("PATCH", `/batch/${batch_id}/jobs`, { key, body: { renames } });
    expect([rename.status, await rename.json()]).toMatchObject([
      400,
      { error: expect.stringContaining("still being read") },
    ]);
    await worker.call("POST", `/batch/${batch_id}/start`, { key });
    expect(await count("jobs where due_at is not null")).toBe(WINDOW);
    expect(await batch(batch_id)).toMatchObject({ status: "listing", started_at: worker.now });
    await ring();
    expect(await batch(batch_id)).toMatchObject({ status: "processing", total_episodes: 6_000 });
  });

  it("can be cancelled in the middle, and then no entry follows", async () => {
    all = entries(9_000);
    const { batch_id } = await create({ webhook_url: hook });
    let answer: unknown;
    worker.onPart = async ({ start }) => {
      if (start >= 6_000 && !answer) answer = await worker.json("DELETE", `/batch/${batch_id}`, { key });
    };
    await ring();
    expect(answer).toEqual({ batch_id, cancelled_jobs: 6_800, status: "finished" });
    expect(await count("jobs")).toBe(6_800);
    expect(await batch(batch_id)).toMatchObject({
      status: "finished",
      failed_episodes: 6_800,
      list_complete: false,
    });
    expect(await listing()).toMatchObject({ outcome: "cancelled", sealed: null });
    expect(worker.batches.alarms.size).toBe(0);
  });

  it("that cannot be read to its end is tried again with growing delays, and ends the batch truthfully", async () => {
    const { batch_id } = await create({ webhook_url: hook });
    let tries = 0;
    worker.onPart = () => {
      tries += 1;
      throw new ApiError("dependency_unavailable");
    };
    const waits: number[] = [];
    for (let attempt = 0; attempt < 12; attempt++) {
      await ring();
      const due = (await listing())?.due_at;
      if (typeof due !== "number") break;
      waits.push((due - worker.now) / 1000);
      // before it is due, nothing is read
      const before = tries;
      await ring();
      expect(tries).toBe(before);
      worker.now = due;
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 320, 640, 1_280, 1_800]);
    expect(await batch(batch_id)).toMatchObject({
      ...{ status: "processing", list_complete: false, total_episodes: 5_000 },
      list_error: "A part of the service is not available right now",
    });
    for (let round = 0; round < 10; round++) {
      await finishJobs();
      await ring();
    }
    expect(await batch(batch_id)).toMatchObject({
      status: "finished",
      completed_episodes: 5_000,
      failed_episodes: 0,
    });
    const [event] = await rows<{ body: string }>(
      "select body from webhook_deliveries where type = 'batch_completed'",
    );
    expect(JSON.parse(event?.body ?? "")).toMatchObject({
      status: "finished",
      total: 5_000,
      list_complete: false,
    });
  });

  it("waits for the delay that its source asks for, and gives up early when it is refused", async () => {
    await create();
    worker.onPart = () => {
      throw new ApiError("dependency_unavailable", { retryAfterSeconds: 90 });
    };
    await ring();
    expect(await listing()).toMatchObject({ due_at: worker.now + 90_000 });
    worker.onPart = () => {
      throw new ApiError("invalid_request", { sentence: "This media is private" });
    };
    for (let attempt = 0; attempt < 2; attempt++) {
      worker.now += 2 * MINUTE;
      await ring();
    }
    expect(await listing()).toMatchObject({ outcome: "failed", error: "This media is private" });
  });

  it("stays within the account's quota: the rest waits until jobs of the batch leave room", async () => {
    await worker.operator("PATCH", `/admin/accounts/${accountId}`, {
      limits: { storage_bytes: 5_500, max_filesize_bytes: 1 },
    });
    const { batch_id } = await create();
    await ring();
    // 500 bytes are left, and a part has 1,000 entries
    expect(await batch(batch_id)).toMatchObject({ status: "listing", total_episodes: 5_000 });
    expect(await listing()).toMatchObject({ failures: 0, due_at: worker.now + 5 * MINUTE });
    await finishJobs();
    worker.now += 5 * MINUTE;
    await ring();
    expect(await batch(batch_id)).toMatchObject({ list_complete: true, total_episodes: 6_000 });
  });

  it("has at most 50,000 entries, and the batch says that there are more", async () => {
    const { batch_id } = await create();
    await env.DB.exec("update batches set total = 49500");
    await ring();
    expect(await batch(batch_id)).toMatchObject({
      ...{ total_episodes: 50_000, list_complete: false },
      list_error: "This list has more than 50,000 entries; the others are left out",
    });
  });

  it("is read on by reconcile if its object is lost, and by the object's alarm, not by a call", async () => {
    worker.batches.areAway = true;
    const { batch_id } = await create({ paused: true });
    worker.batches.areAway = false;
    worker.now += MINUTE;
    await worker.reconcile();
    expect(await batch(batch_id)).toMatchObject({ status: "listing", total_episodes: 5_000 });
    expect(worker.batches.alarms.get(batch_id)).toBe(0);
    await ring();
    expect(await batch(batch_id)).toMatchObject({ status: "paused", total_episodes: 6_000 });
  });
});
