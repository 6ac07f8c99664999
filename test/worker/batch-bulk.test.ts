import { beforeEach, describe, expect, it } from "vitest";
import type { Batch } from "../../schema/api/batch.ts";
import type { ErrorBody } from "../../schema/api/error.ts";
import { countQuery, pageQuery } from "../../worker/db/job-rows.ts";
import { type Bulk, count, urls } from "./support/batch-requests.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { SECRETS, s3 } from "./support/storages.ts";

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

const bulk = (body: object, headers: Record<string, string> = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", { key, body, headers });

const refusal = async (body: object): Promise<ErrorBody & { status: number }> => {
  const response = await worker.call("POST", "/jobs/bulk", { key, body });
  return { ...(await response.json<ErrorBody>()), status: response.status };
};

const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });

describe("metadata", () => {
  const found = async (query: string) => {
    const page = await worker.json<{ jobs: { id: string }[]; total: number; next_cursor: string | null }>(
      "GET",
      `/jobs?${query}`,
      { key },
    );
    return { ids: page.jobs.map(({ id }) => id), total: page.total, cursor: page.next_cursor };
  };

  it("is shared by the jobs of a batch, each of which may add its own", async () => {
    const jobs = [...urls(1), { url: "https://media.example.com/b.mp4", metadata: { item: "2", a: "own" } }];
    const { batch_id, job_ids } = await bulk({ jobs, metadata: { a: "shared", order: "7" } });
    const metadataOf = async (id = "") => (await worker.job(key, id)).metadata;
    expect(await metadataOf(job_ids[0])).toEqual({ a: "shared", order: "7" });
    expect(await metadataOf(job_ids[1])).toEqual({ a: "own", order: "7", item: "2" });
    expect((await batch(batch_id)).metadata).toEqual({ a: "shared", order: "7" });
    const pairs = (from: number, to: number) =>
      Object.fromEntries(Array.from({ length: to - from }, (_, index) => [`k${from + index}`, "x"]));
    const [first] = urls(1);
    expect(
      await refusal({ jobs: [{ ...first, metadata: pairs(0, 9) }], metadata: pairs(9, 17) }),
    ).toMatchObject({
      error: "jobs.0.metadata must have at most 16 pairs, those of the whole request included",
    });
    expect(await metadataOf(await worker.create(key))).toBeNull();
  });

  it("finds jobs in a list, with their number and cursors, and only the account's own", async () => {
    const ids: string[] = [];
    const odd = { "a]b": "x=1&y", ключ: "значение" };
    for (const customer of ["acme", "zeta", "acme", "acme"]) {
      ids.unshift(await worker.create(key, { metadata: { customer, ...odd } }));
    }
    await worker.create((await worker.account()).key, { metadata: { customer: "acme" } });
    const acme = [ids[0], ids[1], ids[3]];
    const query = "metadata[customer]=acme";
    expect(await found(query)).toEqual({ ids: acme, total: 3, cursor: null });
    const first = await found(`${query}&limit=2`);
    expect(first).toMatchObject({ ids: acme.slice(0, 2), total: 3 });
    expect(await found(`${query}&limit=2&cursor=${first.cursor}`)).toMatchObject({ ids: acme.slice(2) });
    const both = new URLSearchParams({
      "metadata[customer]": "zeta",
      "metadata[a]b]": odd["a]b"],
      "metadata[ключ]": odd.ключ,
    });
    expect(await found(`${both}&status=pending`)).toEqual({ ids: [ids[2]], total: 1, cursor: null });
    expect(await found("metadata[customer]=nobody")).toMatchObject({ ids: [], total: 0 });
    expect((await worker.call("GET", "/jobs?metadata=acme", { key })).status).toBe(400);
  });

  it("is removed from the index together with its job", async () => {
    const id = await worker.create(key, { metadata: { customer: "acme" } });
    const rows = async () =>
      (await env.DB.prepare("select key, value from job_metadata where job_id = ?").bind(id).all()).results;
    expect(await rows()).toEqual([{ key: "customer", value: "acme" }]);
    await env.DB.prepare("delete from jobs where id = ?").bind(id).run();
    expect(await rows()).toEqual([]);
  });

  it("is found by an index", async () => {
    const filter = { accountId: "a", metadata: { customer: "acme", order: "7" } };
    const { db } = worker.context();
    for (const query of [pageQuery(db, filter, { limit: 20, offset: 0 }), countQuery(db, filter)]) {
      await expectIndexed(query);
    }
  });
});

describe("a bulk request", () => {
  it("becomes a batch with the shared options and each job's own name", async () => {
    const jobs = [...urls(2), { url: "https://media.example.com/b.mp4", filename: "mine" }];
    const created = await bulk({ jobs, format: "webm", video_codec: "h264", filename: null, batch: true });
    expect(created).toMatchObject({
      total_jobs: 3,
      paused: false,
      adjustments: [{ field: "video_codec", to: "vp9" }, { field: "batch" }],
    });
    expect(await batch(created.batch_id)).toMatchObject({
      kind: "bulk",
      show_url: null,
      status: "processing",
      episode_jobs: created.job_ids,
    });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.map(({ url, filename }) => [url, filename])).toEqual([
      ["https://media.example.com/0.mp4", null],
      ["https://media.example.com/1.mp4", null],
      ["https://media.example.com/b.mp4", "mine"],
    ]);
    expect(await worker.job(key, created.job_ids[2] ?? "")).toMatchObject({
      url: "https://media.example.com/b.mp4",
      format: "webm",
      filename: "mine",
    });
  });

  it("is refused as a whole when one URL is bad, and the refusal names it", async () => {
    const bad = (url: unknown) => ({ jobs: [...urls(3), { url }, ...urls(2)] });
    for (const url of ["nonsense", "ftp://a.example/x", "http://127.0.0.1/x", "", null, undefined, 7]) {
      const refused = await refusal(bad(url));
      expect([refused.status, refused.issues?.[0]?.path]).toEqual([400, "jobs.3.url"]);
    }
    expect(await refusal({ jobs: [{ ...urls(1)[0], filename: "../x" }] })).toMatchObject({
      issues: [{ path: "jobs.0.filename" }],
    });
    expect(await count("jobs")).toBe(0);
  });

  it.each([
    ["no list", {}, "jobs"],
    ["an empty list", { jobs: [] }, "jobs"],
    ["too many jobs", { jobs: urls(101) }, "jobs"],
    ["an entry that is no object", { jobs: ["https://media.example.com/a.mp4"] }, "jobs.0"],
    ["a bad shared field", { jobs: urls(1), folder: "../up" }, "folder"],
    ["a private webhook", { jobs: urls(1), webhook_url: "http://10.0.0.1/" }, "webhook_url"],
    ["a clip without length", { jobs: urls(1), clip_start: 5, clip_end: 5 }, "clip_end"],
  ])("is refused for %s", async (_, body, path) => {
    expect(await refusal(body)).toMatchObject({ status: 400, issues: [{ path }] });
    expect(await count("batches")).toBe(0);
  });

  it("may be 512 KiB long and no longer", async () => {
    const long = (bytes: number) => JSON.stringify({ jobs: urls(100), x: "x".repeat(bytes) });
    const post = async (body: string) => (await worker.call("POST", "/jobs/bulk", { key, body })).status;
    expect(await post(long(500_000))).toBe(201);
    expect(await post(long(530_000))).toBe(413);
  });

  it("seals the storage that came with it for each job separately, and for no other", async () => {
    const created = await bulk({ jobs: urls(30), storage: s3, paused: true });
    const { results } = await env.DB.prepare("select job_id, sealed from job_credentials").all<{
      job_id: string;
      sealed: string;
    }>();
    expect(results.map(({ job_id }) => job_id).toSorted()).toEqual(created.job_ids.toSorted());
    expect(new Set(results.map(({ sealed }) => sealed)).size).toBe(30);
    const stored = JSON.stringify([
      results,
      (await env.DB.prepare("select * from jobs").all()).results,
      (await env.DB.prepare("select * from batches").all()).results,
    ]);
    for (const secret of SECRETS) expect(stored).not.toContain(secret);
    await worker.call("POST", `/batch/${created.batch_id}/start`, { key });
    await worker.consumeDispatchQueue();
    expect(worker.network.runs[7]?.target).toMatchObject({ bucket: s3.bucket, secret_key: s3.secret_key });
  });

  it("uses the account's storage; marketplaces must bring one", async () => {
    const { provider: _, ...settings } = s3;
    await worker.call("POST", "/user/s3", { key, body: settings });
    const { job_ids } = await bulk({ jobs: urls(2) });
    const { results } = await env.DB.prepare(
      "select distinct storage_source, storage_provider from jobs",
    ).all();
    expect(results).toEqual([{ storage_source: "account", storage_provider: "s3" }]);
    expect(job_ids).toHaveLength(2);
    const gateway = {
      "x-rapidapi-proxy-secret": "gateway-secret-of-the-tests",
      "x-rapidapi-user": "jane",
      "x-rapidapi-subscription": "PRO",
    };
    const refused = await worker.call("POST", "/jobs/bulk", { headers: gateway, body: { jobs: urls(1) } });
    expect(await refused.json()).toMatchObject({ code: "storage_required" });
  });
});
