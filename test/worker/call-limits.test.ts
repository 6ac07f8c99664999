import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { consumeDispatchMessages } from "../../worker/queues/dispatch.ts";
import { reconcile } from "../../worker/services/maintenance/reconcile.ts";
import { copyJobs } from "./support/copy-jobs.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

/** Calls of the database that the platform allows in one invocation. */
const ALLOWED = 1_000;
const DAY = 24 * 60 * 60_000;

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of ["jobs", "webhook_deliveries", "batches"]) await env.DB.exec(`delete from ${table}`);
  worker = new Harness();
  account = await worker.account();
});

/** Runs reconcile until it has nothing left to do; returns what each run cost. */
async function costs(part: "leases" | "expired_files" | "orphaned_uploads", runs: number): Promise<number[]> {
  const spent: number[] = [];
  for (let i = 0; i < runs; i++) {
    const ctx = createExecutionContext();
    const context = worker.context(ctx);
    const done = await reconcile(context);
    await waitOnExecutionContext(ctx);
    spent.push(context.connection.calls);
    if (done[part] === 0) break;
  }
  return spent;
}

const countOf = async (condition: string): Promise<number> =>
  Number((await env.DB.prepare(`select count(*) as n from jobs where ${condition}`).first())?.n);

describe("one invocation makes no more database calls than the platform allows", () => {
  it("with 5,000 expired leases, all of which it takes back", async () => {
    const run = await worker.start(account.key);
    await copyJobs(run.job_id, 5_000, {});
    worker.now += 60_000;
    const spent = await costs("leases", 4);
    expect(Math.max(...spent)).toBeLessThan(ALLOWED);
    expect(await countOf("status = 'Processing'")).toBe(0);
    expect(await countOf("status = 'Pending' and interruptions = 1")).toBe(5_001);
  });

  it("with 500 leases whose expiry ends the job, some of them the next time", async () => {
    const run = await worker.start(account.key, { webhook_url: "https://hooks.example.com/a" });
    await copyJobs(run.job_id, 500, { interruptions: "4" });
    worker.now += 60_000;
    const spent = await costs("leases", 8);
    expect(Math.max(...spent)).toBeLessThan(ALLOWED);
    expect(await countOf("status = 'Failed' and error_code = 'interrupted'")).toBe(500);
  });

  it("with 5,000 files that have expired", async () => {
    const run = await worker.start(account.key);
    await copyJobs(run.job_id, 5_000, {
      status: "'Completed'",
      step: "'Finished'",
      object_key: "'videos/' || numbers.n || '.mp4'",
      object_stem: "'videos/' || numbers.n || '.'",
      finished_at: `${worker.now}`,
      expires_at: `${worker.now + 1}`,
      lease_expires_at: "null",
    });
    worker.now += DAY;
    const spent = await costs("expired_files", 2);
    expect(Math.max(...spent)).toBeLessThan(ALLOWED);
    expect(await countOf("expires_at is not null and object_key is not null")).toBeLessThan(5_000);
  });

  it("with a hundred dispatch messages at once", async () => {
    for (let i = 0; i < 100; i++) await worker.create(account.key);
    const messages = worker.dispatchQueue.splice(0).map(({ body }) => ({
      ...{ id: crypto.randomUUID(), attempts: 1, body, ack: () => {}, retry: () => {} },
    }));
    const ctx = createExecutionContext();
    const context = worker.context(ctx);
    await consumeDispatchMessages(context, { messages } as unknown as MessageBatch);
    await waitOnExecutionContext(ctx);
    expect(context.connection.calls).toBeLessThan(ALLOWED);
  });
});
