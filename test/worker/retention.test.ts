import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { reconcile } from "../../worker/services/maintenance/reconcile.ts";
import { copyJobs } from "./support/copy-jobs.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { MemoryStorage } from "./support/memory-storage.ts";
import { s3 } from "./support/storages.ts";
import { bodyOf, endJob, hook, lastPost } from "./support/webhooks.ts";

const DAY = 24 * 60 * 60_000;

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of [
    "jobs",
    "job_counts",
    "batches",
    "audit_entries",
    "api_keys",
    "accounts",
    "webhook_deliveries",
  ]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness();
  account = await worker.account();
});

const passDays = async (days: number) => {
  worker.now += days * DAY;
  return worker.reconcile();
};
const ended = async (request: Record<string, unknown> = {}, outcome: object = failed("private")) =>
  endJob(worker, account.key, outcome, request);
const statusOf = async (id: string) => (await worker.call("GET", `/jobs/${id}`, { key: account.key })).status;
const totalOf = async (query = "") =>
  (await worker.json<{ total: number }>("GET", `/jobs${query}`, { key: account.key })).total;
const rowsOf = async (table: string) =>
  Number((await env.DB.prepare(`select count(*) as n from ${table}`).first())?.n);

describe("jobs that ended long ago", () => {
  it("are removed after JOB_RETENTION_DAYS, and younger and unfinished ones are not", async () => {
    const old = await ended();
    await passDays(89);
    expect(await statusOf(old)).toBe(200);
    const young = await ended();
    const waiting = await worker.create(account.key);
    expect(await passDays(2)).toMatchObject({ old_rows: expect.any(Number) });
    expect([await statusOf(old), await statusOf(young), await statusOf(waiting)]).toEqual([404, 200, 200]);
    expect([await totalOf(), await totalOf("?status=warning")]).toEqual([2, 1]);
  });

  it("are kept as long as the account's limits say: for a number of days, or forever", async () => {
    const id = await ended();
    await worker.operator("PATCH", `/admin/accounts/${account.id}`, { limits: { job_retention_days: 0 } });
    await passDays(1000);
    expect(await statusOf(id)).toBe(200);
    await worker.operator("PATCH", `/admin/accounts/${account.id}`, { limits: { job_retention_days: 5 } });
    await passDays(2);
    expect(await statusOf(id)).toBe(404);
  });

  it("are kept forever with JOB_RETENTION_DAYS=0", async () => {
    worker = new Harness({ JOB_RETENTION_DAYS: "0" });
    const id = await ended();
    await passDays(1000);
    expect(await statusOf(id)).toBe(200);
  });

  it("are kept as long as their file, so that no file is left without a job", async () => {
    worker = new Harness({ RETENTION_DAYS: "100" });
    const id = await ended({}, completed);
    await passDays(95);
    expect(await statusOf(id)).toBe(200);
    await passDays(6);
    await passDays(1);
    expect(await statusOf(id)).toBe(404);
    expect(worker.network.calls.filter((call) => call.startsWith("DELETE"))).not.toEqual([]);
  });

  it("take what they left in the managed bucket with them", async () => {
    const run = await worker.start(account.key, { live_recording: true });
    await worker.report(run, "recording", { key: "videos/.recordings/x" });
    await worker.report(run, "outcome", { outcome: { ...failed("processing").outcome, transient: false } });
    for (let tries = 0; tries < 3; tries++) {
      worker.now += 60 * 60_000;
      await worker.reconcile();
      await worker.consumeDispatchQueue();
      await worker.report(worker.network.run, "outcome", {
        outcome: { ...failed("processing").outcome, transient: false },
      });
    }
    expect(await worker.job(account.key, run.job_id)).toMatchObject({ status: "Failed" });
    let pieces = ["videos/.recordings/x/1", "videos/.recordings/x/2"];
    worker.network.onStorage = ({ method, url }) => {
      if (method === "DELETE") pieces = pieces.filter((key) => !url.endsWith(key));
      const keys = pieces.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("");
      return new Response(method === "GET" ? `<ListBucketResult>${keys}</ListBucketResult>` : null);
    };
    await passDays(91);
    await worker.reconcile();
    expect(pieces).toEqual([]);
    await worker.reconcile();
    expect(await statusOf(run.job_id)).toBe(404);
  });

  it("wait for their webhook event", async () => {
    await worker.operator("PATCH", `/admin/accounts/${account.id}`, { limits: { job_retention_days: 1 } });
    const id = await ended({ webhook_url: hook });
    await passDays(2);
    expect(await statusOf(id)).toBe(200);
    await worker.consumeDeliveryQueue();
    await passDays(1);
    expect(await statusOf(id)).toBe(404);
  });

  it("are removed with their batch, and not before it", async () => {
    const batch = await worker.json<{ batch_id: string }>("POST", "/jobs/bulk", {
      key: account.key,
      body: {
        jobs: [{ url: "https://media.example.com/a.mp4" }, { url: "https://media.example.com/b.mp4" }],
      },
    });
    const read = () => worker.call("GET", `/batch/${batch.batch_id}`, { key: account.key });
    await worker.consumeDispatchQueue();
    const [first, second] = worker.network.runs;
    if (!first || !second) throw new Error("the batch was not started");
    await worker.report(first, "outcome", failed("private"));
    await passDays(91);
    expect([(await read()).status, await statusOf(first.job_id)]).toEqual([200, 200]);
    await worker.call("DELETE", `/batch/${batch.batch_id}`, { key: account.key });
    await worker.reconcile();
    await passDays(91);
    expect([(await read()).status, await statusOf(first.job_id)]).toEqual([404, 404]);
    expect(await rowsOf("batches")).toBe(0);
  });

  it("are removed in bounded pages, 3,000 of them in several runs", async () => {
    await copyJobs(await ended(), 3_000, {});
    worker.now += 91 * DAY;
    const spent: number[] = [];
    while ((await rowsOf("jobs")) > 0 && spent.length < 10) {
      const ctx = createExecutionContext();
      const context = worker.context(ctx);
      await reconcile(context);
      await waitOnExecutionContext(ctx);
      spent.push(context.connection.calls);
    }
    expect(await rowsOf("jobs")).toBe(0);
    expect(Math.max(...spent)).toBeLessThan(1_000);
    expect(await totalOf()).toBe(0);
  });
});

it("audit entries are removed after the same time", async () => {
  const before = await rowsOf("audit_entries");
  expect(before).toBeGreaterThan(0);
  await passDays(89);
  expect(await rowsOf("audit_entries")).toBe(before);
  await passDays(2);
  expect(await rowsOf("audit_entries")).toBe(0);
});

describe("an archive", () => {
  const storage = new MemoryStorage();

  beforeEach(async () => {
    await storage.clear();
    worker = new Harness({ ARCHIVE_JOBS: "true" });
    worker.network.onStorage = storage.respond;
  });

  const archived = async (): Promise<Record<string, unknown>[]> => {
    const lines: Record<string, unknown>[] = [];
    for (const key of (await storage.list()).filter((name) => name.includes("/.archive/"))) {
      const text = new TextDecoder().decode(await (await env.BUCKET.get(key))?.arrayBuffer());
      for (const line of text.trim().split("\n")) lines.push({ key, ...JSON.parse(line) });
    }
    return lines;
  };

  it("contains everything that is removed, and no secret", async () => {
    const id = await ended({
      url: "https://jane:canary-password@media.example.com/a.mp4?token=canary-token",
      webhook_url: "https://hooks.example.com/in?secret=canary-hook",
      storage: s3,
    });
    await worker.consumeDeliveryQueue();
    await passDays(91);
    expect(await statusOf(id)).toBe(404);
    const lines = await archived();
    const job = lines.find((line) => line.id === id);
    expect(job).toMatchObject({ status: "Warning", error_code: "private", account_id: account.id });
    expect(String(job?.key)).toContain(`/.archive/${account.id}/jobs/2026-11-24/`);
    expect(lines.some((line) => String(line.key).includes("/audit/"))).toBe(true);
    expect(JSON.stringify(lines)).not.toContain("canary");
  });

  it("is written before anything is removed", async () => {
    const id = await ended();
    worker.network.onStorage = () => new Response(null, { status: 503 });
    await passDays(91);
    expect(await statusOf(id)).toBe(200);
    worker.network.onStorage = storage.respond;
    await worker.reconcile();
    expect(await statusOf(id)).toBe(404);
    expect((await archived()).map((line) => line.id)).toContain(id);
  });
});

describe("totals of GET /jobs", () => {
  it("match the jobs that exist, whatever happens to them", async () => {
    for (let i = 0; i < 3; i++) await ended();
    await ended({}, completed);
    await worker.create(account.key);
    await worker.start(account.key);
    for (const query of [
      "",
      "?status=failed",
      "?status=warning",
      "?status=completed",
      "?status=pending",
      "?status=processing",
    ]) {
      const status = query.split("=")[1];
      const counted = await env.DB.prepare(
        `select count(*) as n from jobs ${status ? `where lower(status) = '${status}'` : ""}`,
      ).first();
      expect([query, await totalOf(query)]).toEqual([query, counted?.n]);
    }
  });
});

describe("a long description", () => {
  const outcome = {
    outcome: { ...completed.outcome, delivery: { ...delivery, description: "ä".repeat(9_000) } },
  };

  it("is cut, stored once, and part of the webhook event all the same", async () => {
    const id = await ended({ webhook_url: hook }, outcome);
    const { description } = await worker.job(account.key, id);
    expect(description).toBe(`${"ä".repeat(3_999)}…`);
    const { body } = (await env.DB.prepare("select body from webhook_deliveries").first()) ?? {};
    expect(String(body).length).toBeLessThan(1_000);
    await worker.consumeDeliveryQueue();
    expect(bodyOf(lastPost(worker))).toMatchObject({ job_id: id, description });
  });
});

describe("sizes", () => {
  it("are part of readiness", async () => {
    const { parts } = await worker.json<{ parts: { database: { size_bytes: number } } }>("GET", "/readyz");
    expect(parts.database.size_bytes).toBeGreaterThan(10_000);
  });

  it("are metrics for the operator alone", async () => {
    await ended();
    await worker.create(account.key);
    const response = await worker.call("GET", "/admin/metrics", {
      headers: { authorization: `Bearer ${env.ADMIN_TOKEN}` },
    });
    const text = await response.text();
    expect(text).toMatch(/^waterspout_database_bytes \d+$/m);
    expect(text).toContain('waterspout_jobs_stored{status="Warning"} 1\n');
    expect(text).toContain("waterspout_jobs_due 1\n");
    expect((await worker.call("GET", "/admin/metrics", { key: account.key })).status).toBe(401);
  });
});
