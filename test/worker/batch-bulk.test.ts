import { beforeEach, describe, expect, it } from "vitest";
import type { Batch } from "../../schema/api/batch.ts";
import type { ErrorBody } from "../../schema/api/error.ts";
import { type Bulk, count, urls } from "./support/batch-requests.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
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

  it("is refused whole when one URL is bad, which is named", async () => {
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

  it("seals the storage that came with it for each job separately, and for nobody else", async () => {
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

  it("goes to the account's storage, and marketplaces must bring one", async () => {
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
