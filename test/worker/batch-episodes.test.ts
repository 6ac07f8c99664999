import { beforeEach, describe, expect, it } from "vitest";
import type { ErrorBody } from "../../schema/api/error.ts";
import { ApiError } from "../../worker/lib/api-error.ts";
import type { ListedEntry, WholeList } from "../../worker/services/sources/listing/listing.ts";
import { type Bulk, count, entry, hook, OPEN, SPOTIFY_ID, urls } from "./support/batch-requests.ts";
import { failed } from "./support/delivery.ts";
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

const bulk = (body: object, headers: Record<string, string> = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", { key, body, headers });

const refusal = async (body: object): Promise<ErrorBody & { status: number }> => {
  const response = await worker.call("POST", "/jobs/bulk", { key, body });
  return { ...(await response.json<ErrorBody>()), status: response.status };
};

describe("a single episode", () => {
  const url = `https://open.spotify.com/episode/${SPOTIFY_ID}`;
  const single = (body: object = {}) =>
    worker.json<{ job_id: string }>("POST", "/jobs", { key, body: { url, webhook_url: hook, ...body } });

  it("is a job that fetches the open enclosure, named after the episode unless the caller chooses a name", async () => {
    lists([entry(0, { ...OPEN, url })], { kind: "spotify_show" });
    const { job_id } = await single({ paused: true });
    await single({ filename: "mine" });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.map((run) => [run.url, run.filename])).toEqual([
      [OPEN.mediaUrl, "Part 0 [id0]"],
      [OPEN.mediaUrl, "mine"],
    ]);
    expect(await worker.job(key, job_id)).toMatchObject({
      url,
      title: "Part 0",
      release_date: "2026-11-01",
      batch_id: null,
      adjustments: [{ field: "paused" }],
    });
    await worker.report(worker.network.runs[0] ?? worker.network.run, "outcome", failed("private"));
    const retried = await worker.json<{ job_id: string }>("POST", `/jobs/${job_id}/retry`, { key });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: retried.job_id, url: OPEN.mediaUrl });
  });

  it("without an open feed is skipped at once and reported once; a retry looks for the feed again", async () => {
    const limited = await worker.account({ storage_bytes: 10, max_concurrent_jobs: 1 });
    key = limited.key;
    lists([entry(0, { url, skipped: "no_open_feed" })]);
    const headers = { "x-idempotency-key": "k" };
    const post = () =>
      worker.json<{ job_id: string }>("POST", "/jobs", { key, body: { url, webhook_url: hook }, headers });
    const { job_id } = await post();
    await env.DB.exec("update idempotency_keys set status = null, body = null, lease_until = 0");
    expect(await post()).toEqual({ job_id });
    expect(await worker.job(key, job_id)).toMatchObject({ status: "Skipped", error_code: "no_open_feed" });
    expect(worker.dispatchQueue).toEqual([]);
    expect(await count("webhook_deliveries where type = 'job_skipped'")).toBe(1);
    expect(await worker.json("GET", "/usage", { key })).toMatchObject({
      usage_count: 1,
      storage_reserved_gb: 0,
    });
    lists([entry(0, { ...OPEN, url })]);
    await worker.json("POST", `/jobs/${job_id}/retry`, { key });
    await worker.consumeDispatchQueue();
    expect(worker.network.run.url).toBe(OPEN.mediaUrl);
  });

  it("is allowed in a bulk request, where a show is not", async () => {
    lists([entry(0, { ...OPEN, url })]);
    const { job_ids } = await bulk({ jobs: [...urls(1), { url }] });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: job_ids[1], url: OPEN.mediaUrl });
    const show = { url: `https://open.spotify.com/show/${SPOTIFY_ID}` };
    expect(await refusal({ jobs: [...urls(1), show] })).toMatchObject({ issues: [{ path: "jobs.1.url" }] });
    worker.onListing = () => {
      throw new ApiError("invalid_request", { sentence: "This episode does not exist" });
    };
    expect(await refusal({ jobs: [...urls(2), { url }] })).toMatchObject({
      issues: [{ path: "jobs.2.url", message: "This episode does not exist" }],
    });
  });
});
