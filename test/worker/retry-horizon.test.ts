import { beforeEach, describe, expect, it } from "vitest";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { passTime } from "./support/passing-time.ts";
import { s3 } from "./support/storages.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let worker: Harness;
let account: { id: string; key: string };
let begun: number;

beforeEach(async () => {
  await env.DB.exec("delete from exit_health");
  await env.DB.exec("delete from storage_backoff");
  worker = new Harness();
  account = await worker.account();
  begun = worker.now;
});

async function createJobs(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await worker.create(account.key, { url: `https://site-${i % 7}.example.com/${i}.mp4` });
  }
}

async function statuses(): Promise<Record<string, number>> {
  const { results } = await env.DB.prepare(
    "select status, count(*) as jobs from jobs where account_id = ? group by status",
  )
    .bind(account.id)
    .all<{ status: string; jobs: number }>();
  return Object.fromEntries(results.map(({ status, jobs }) => [status, jobs]));
}

const attempts = () => worker.network.runs.length;

describe("an outage", () => {
  it.each([
    ["a storage for 30 minutes", "upload_failed", 30 * MINUTE],
    ["a source for three hours", "network", 3 * HOUR],
    ["a source that limits us for three hours", "rate_limited", 3 * HOUR],
  ])("fails no job: %s", { timeout: 120_000 }, async (_, code, downMs) => {
    await createJobs(40);
    await passTime(worker, account.id, () => (worker.now < begun + downMs ? failed(code) : completed));
    expect(await statuses()).toEqual({ Completed: 40 });
    expect(worker.now).toBeLessThan(begun + downMs + 90 * MINUTE);
  });

  it("is not probed by every job again and again", { timeout: 120_000 }, async () => {
    await createJobs(20);
    await passTime(worker, account.id, () =>
      worker.now < begun + 30 * MINUTE ? failed("upload_failed") : completed,
    );
    // without the others, each job would try seven times in that time
    expect(attempts()).toBeLessThan(20 * 7);
  });
});

describe("a job with a temporary failure", () => {
  it.each([
    [undefined, 24],
    [2, 2],
  ])("is given up at its horizon (max_retry_hours %s)", async (max_retry_hours, hours) => {
    const id = await worker.create(account.key, max_retry_hours === undefined ? {} : { max_retry_hours });
    await passTime(worker, account.id, () => failed("network"));
    expect(await worker.job(account.key, id)).toMatchObject({
      ...{ status: "Failed", error_code: "network", next_try_at: null },
      finished_at: begun + hours * HOUR,
    });
  });

  it("has the operator's horizon by default", async () => {
    worker = new Harness({ RETRY_HORIZON_HOURS: "1" });
    const id = await worker.create(account.key);
    await passTime(worker, account.id, () => failed("upload_failed"));
    expect(await worker.job(account.key, id)).toMatchObject({ status: "Failed", finished_at: begun + HOUR });
  });

  it("fails soon where waiting does not help", async () => {
    const id = await worker.create(account.key);
    await passTime(worker, account.id, () => ({
      outcome: { ...failed("network").outcome, transient: false },
    }));
    expect(await worker.job(account.key, id)).toMatchObject({ status: "Failed", attempt: 3 });
    expect(worker.now - begun).toBeLessThan(MINUTE);
  });

  it("says why it waits and until when, and no longer while it runs", async () => {
    const run = await worker.start(account.key);
    await worker.report(run, "outcome", failed("network"));
    const waiting = { status: "Pending", error_code: "network", error_type: "error" };
    expect(await worker.job(account.key, run.job_id)).toMatchObject({
      ...waiting,
      next_try_at: worker.now + 5_000,
    });
    worker.now += 5_000;
    await worker.consumeDispatchQueue();
    expect(await worker.job(account.key, run.job_id)).toMatchObject({
      ...{ status: "Processing", error: null, error_code: null, next_try_at: null },
    });
  });
});

describe("a storage that is down", () => {
  const storage = (bucket: string) => ({ ...s3, bucket });

  it("delays the jobs that deliver to it, and no others", async () => {
    const run = await worker.start(account.key, { storage: storage("down") });
    await worker.report(run, "outcome", failed("upload_failed", 10 * MINUTE));
    worker.dispatchQueue.splice(0);
    const before = attempts();
    const held = await worker.create(account.key, { storage: storage("down") });
    await worker.consumeDispatchQueue();
    expect(attempts()).toBe(before);
    expect(await worker.job(account.key, held)).toMatchObject({
      ...{ status: "Pending", attempt: 0, error_code: "upload_failed" },
    });
    expect((await worker.job(account.key, held)).next_try_at).toBeGreaterThanOrEqual(begun + 10 * MINUTE);

    await worker.start(account.key, { storage: storage("up") });
    await worker.start(account.key);
    expect(attempts()).toBe(before + 2);
  });

  it("never blocks the host of a source, whatever it asks for", async () => {
    const run = await worker.start(account.key, { storage: storage("down") });
    await worker.report(run, "outcome", failed("upload_failed", HOUR));
    expect(await env.DB.prepare("select * from exit_health").all()).toMatchObject({ results: [] });
  });

  it("is unblocked by a success", async () => {
    const run = await worker.start(account.key);
    await worker.report(run, "outcome", failed("upload_failed"));
    worker.now += 10_000;
    const next = await worker.start(account.key);
    await worker.report(next, "outcome", completed);
    expect(await env.DB.prepare("select * from storage_backoff").all()).toMatchObject({ results: [] });
  });
});
