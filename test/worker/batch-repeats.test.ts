import { beforeEach, describe, expect, it } from "vitest";
import type { ListedEntry, WholeList } from "../../worker/services/sources/listing/listing.ts";
import { type Bulk, count, entries, list, type Playlist, urls } from "./support/batch-requests.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

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

const bulk = (body: object, headers: Record<string, string> = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", { key, body, headers });

describe("a request that is repeated", () => {
  const headers = { "x-idempotency-key": "k" };
  const clear = () => env.DB.exec("update idempotency_keys set status = null, body = null, lease_until = 0");

  it("gets the same response, also after a Worker died before it stored the response: one batch, the same ids", async () => {
    const body = { jobs: [...urls(3), ...urls(1)], paused: true };
    const { cached: _, ...first } = await bulk(body, headers);
    expect(await bulk(body, headers)).toEqual({ ...first, cached: true });
    await clear();
    expect(await bulk(body, headers)).toEqual(first);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 4]);
  });

  it("does not list again, and does not restart what has started", async () => {
    lists(entries(3));
    const first = await create({}, headers);
    lists(entries(9));
    await clear();
    expect(await create({}, headers)).toEqual(first);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 3]);
  });

  it("to two Workers at once creates one batch", async () => {
    lists(entries(5));
    const both = await Promise.all([create({ paused: true }, headers), create({ paused: true }, headers)]);
    expect(both.filter(({ batch_id }) => batch_id !== undefined)).toHaveLength(1);
    await clear();
    await Promise.all([create({ paused: true }, headers), create({ paused: true }, headers)]);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 5]);
  });
});
