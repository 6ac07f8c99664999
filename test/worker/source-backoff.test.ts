import { beforeEach, describe, expect, it } from "vitest";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let worker: Harness;
let key: string;
let site: string;
let sites = 0;

beforeEach(async () => {
  worker = new Harness();
  ({ key } = await worker.account());
  site = `site-${++sites}.example.com`;
});

const onSite = () => ({ url: `https://${site}/watch?v=${crypto.randomUUID()}` });

/** When the site may be asked again, from now; null when it is not in back-off. */
async function blockedFor(): Promise<number | null> {
  const row = await env.DB.prepare("select until from exit_health where site = ?").bind(site).first();
  return row === null || row.until === 0 ? null : Number(row.until) - worker.now;
}

/** Makes the site refuse the run of a job. */
async function refuse(retryAfterMs: number | null = null, code = "bot_check"): Promise<void> {
  const run = await worker.start(key, onSite());
  await worker.report(run, "outcome", failed(code, retryAfterMs));
  worker.dispatchQueue.splice(0);
}

describe("a source that asks for a robot check", () => {
  it("is left alone: its due jobs are postponed without counting an attempt", async () => {
    await refuse();
    const id = await worker.create(key, onSite());
    const before = worker.network.runs.length;
    expect(await worker.consumeDispatchQueue()).toMatchObject({ acked: [id] });
    expect(worker.network.runs).toHaveLength(before);
    expect(await worker.job(key, id)).toMatchObject({ status: "Pending", step: "Queued", attempt: 0 });
    const [message] = worker.dispatchQueue;
    expect(message?.body.job_id).toBe(id);
    expect(message?.delaySeconds).toBeGreaterThanOrEqual(60);
    expect(message?.delaySeconds).toBeLessThanOrEqual(75);

    worker.now += 80_000;
    await worker.consumeDispatchQueue();
    expect(worker.network.run.job_id).toBe(id);
  });

  it("does not delay other sources", async () => {
    await refuse();
    const other = await worker.start(key, { url: "https://elsewhere.example.com/a.mp4" });
    expect(other.url).toBe("https://elsewhere.example.com/a.mp4");
  });

  it("is left alone for longer each time it refuses again, for an hour at most", async () => {
    const times: (number | null)[] = [];
    for (let strike = 0; strike < 8; strike++) {
      await refuse();
      times.push(await blockedFor());
      worker.now += (times.at(-1) ?? 0) + 1;
    }
    expect(times.map((ms) => (ms ?? 0) / MINUTE)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  it("is penalised once for all runs that were under way", async () => {
    const runs = [await worker.start(key, onSite()), await worker.start(key, onSite())];
    for (const run of runs) await worker.report(run, "outcome", failed("rate_limited"));
    expect(await blockedFor()).toBe(MINUTE);
  });

  it("is left alone for as long as it asks", async () => {
    await refuse(10 * MINUTE, "rate_limited");
    expect(await blockedFor()).toBe(10 * MINUTE);
    worker.now += 11 * MINUTE;
    await refuse(5 * HOUR, "rate_limited");
    expect(await blockedFor()).toBe(HOUR);
  });

  it("is unblocked by a success", async () => {
    await refuse();
    worker.now += 2 * MINUTE;
    const run = await worker.start(key, onSite());
    await worker.report(run, "publish");
    await worker.report(run, "outcome", completed);
    expect(await blockedFor()).toBeNull();
  });

  it("that refused one proxy of several is tried again soon, through another one", async () => {
    const run = await worker.start(key, onSite());
    const { outcome } = failed("rate_limited", HOUR);
    await worker.report(run, "outcome", { outcome: { ...outcome, other_exits: 2 } });
    expect(await blockedFor()).toBeNull();
    expect(await worker.job(key, run.job_id)).toMatchObject({ next_try_at: worker.now + 5_000 });
  });

  it("is not penalised for other failures", async () => {
    await refuse(null, "network");
    expect(await blockedFor()).toBeNull();
  });
});
