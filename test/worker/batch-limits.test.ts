import { beforeEach, describe, expect, it } from "vitest";
import type { Batch } from "../../schema/api/batch.ts";
import type { ListedEntry, WholeList } from "../../worker/services/sources/listing/listing.ts";
import { type Bulk, count, entries, GB, hook, list, type Playlist, urls } from "./support/batch-requests.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";

let worker: Harness;

let key: string;

beforeEach(async () => {
  for (const table of [
    "jobs",
    "batches",
    "webhook_deliveries",
    "job_credentials",
    "idempotency_keys",
    "usage",
  ]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness();
  ({ key } = await worker.account());
});

const lists = (of: readonly ListedEntry[], facts: Partial<WholeList> = {}): void => {
  const listing: WholeList = { kind: "playlist", title: "An album", entries: of, ...facts };
  worker.onListing = () => listing;
};

const create = (body: object = {}, headers: Record<string, string> = {}) =>
  worker.json<Playlist>("POST", "/jobs", { key, body: { url: list, batch: true, ...body }, headers });

const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });

describe("a quota", () => {
  it("accepts a batch as a whole or not at all", async () => {
    const limited = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: GB });
    const post = (jobs: number) =>
      worker.call("POST", "/jobs/bulk", { key: limited.key, body: { jobs: urls(jobs), paused: true } });
    await env.DB.prepare("update accounts set limits = json_set(limits, '$.storage_bytes', 50) where id = ?")
      .bind(limited.id)
      .run();
    worker.now += 61_000;
    expect((await post(60)).status).toBe(403);
    expect(await count("jobs")).toBe(0);
    expect((await post(40)).status).toBe(201);
    const { results } = await env.DB.prepare("select sum(reserved_bytes) as held from jobs").all();
    expect(results).toEqual([{ held: 40 }]);
    expect((await post(11)).status).toBe(403);
    expect([await count("jobs"), await count("batches")]).toEqual([40, 1]);
  });

  it("does not count the jobs that a batch holds back as concurrent jobs", async () => {
    const limited = await worker.account({ max_concurrent_jobs: 2 });
    const created = await worker.json<Bulk>("POST", "/jobs/bulk", {
      key: limited.key,
      body: { jobs: urls(12), paused: true },
    });
    expect(created.total_jobs).toBe(12);
    const single = () =>
      worker.call("POST", "/jobs", { key: limited.key, body: { url: "https://media.example.com/a.mp4" } });
    expect((await single()).status).toBe(201);
    await worker.call("POST", `/batch/${created.batch_id}/start`, { key: limited.key });
    // one of the two is left
    expect((await single()).status).toBe(429);
    await worker.consumeDispatchQueue();
    expect(worker.network.runs).toHaveLength(2);
    for (let ended = 0; ended < 13; ended++) {
      const run = worker.network.runs[ended];
      if (run) await worker.report(run, "outcome", completed);
      await worker.batches.ring();
      await worker.consumeDispatchQueue();
    }
    expect(worker.network.runs).toHaveLength(13);
    const end = await worker.json<Batch>("GET", `/batch/${created.batch_id}`, { key: limited.key });
    expect(end).toMatchObject({ status: "completed", completed_episodes: 12 });
  });
});

describe("5,000 entries", () => {
  it("take few statements and messages, whatever options they have", { timeout: 120_000 }, async () => {
    const description = "About it. ".repeat(100);
    const all = entries(5_000).map((one, index) => ({
      ...one,
      description,
      skipped: index % 10 === 3 ? ("entry_unavailable" as const) : null,
    }));
    lists(all);
    await worker.call("GET", "/usage", { key });
    const statements: number[] = [];
    const { d1 } = worker.services;
    const session = d1.withSession.bind(d1);
    const counted = Object.assign(Object.create(d1), {
      withSession: (anchor: string) => {
        const inner = session(anchor);
        return {
          prepare: (query: string) => {
            statements.push(1);
            return inner.prepare(query);
          },
          batch: (list: D1PreparedStatement[]) => inner.batch(list),
          getBookmark: () => inner.getBookmark(),
        };
      },
    });
    Object.assign(worker.services, { d1: counted });
    const headers = { "x-idempotency-key": "k" };
    const created = await create({ webhook_url: hook, storage: s3, filename: "same" }, headers);
    expect(created.total_videos).toBe(5_000);
    expect(statements.length).toBeGreaterThan(5);
    expect(statements.length).toBeLessThanOrEqual(50);
    expect(worker.sends).toBeLessThanOrEqual(50);
    expect(await batch(created.batch_id)).toMatchObject({ skipped_episodes: 500, pending_episodes: 4_500 });
    // too long to be stored: the response is built again
    const again = await create({ webhook_url: hook, storage: s3, filename: "same" }, headers);
    expect(again).toEqual(created);
    expect(await count("jobs")).toBe(5_000);
    expect(await count("webhook_deliveries where kind = 'webhook'")).toBe(500);
    expect(worker.dispatchQueue).toHaveLength(20);
  });
});
