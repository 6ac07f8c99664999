import { beforeAll, expect, it } from "vitest";
import { seedJobs } from "../../bin/bench/servers/seed-jobs.ts";
import { dispatchJob } from "../../worker/services/runs/dispatcher.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { MeteredD1 } from "./support/metered-d1.ts";

/** What operations read of a growing table, as D1 counts and charges it. */

const FEW = 1_000;
const MANY = 10_000;

let worker: Harness;
let key: string;
let id: string;
const meter = new MeteredD1(env.DB);

beforeAll(async () => {
  worker = new Harness({ DB: meter.binding });
  ({ key } = await worker.account());
  const run = await worker.start(key);
  await worker.report(run, "outcome", completed);
  id = run.job_id;
});

const OPERATIONS = {
  "list jobs": () => worker.call("GET", "/jobs", { key }),
  "list failed jobs": () => worker.call("GET", "/jobs?status=failed", { key }),
  "get a job": () => worker.call("GET", `/jobs/${id}`, { key }),
  "create a job": () => worker.create(key),
  "claim a job": async () =>
    dispatchJob(worker.context(), worker.dispatchQueue.splice(0).at(-1)?.body.job_id ?? ""),
  "end a job": () => worker.report(worker.network.run, "outcome", completed),
  reconcile: () => worker.reconcile(),
} as const satisfies Record<string, () => Promise<unknown>>;
type Operation = keyof typeof OPERATIONS;

async function rowsRead(): Promise<Record<Operation, number>> {
  const measured: Partial<Record<Operation, number>> = {};
  for (const name of Object.keys(OPERATIONS) as Operation[]) {
    meter.take();
    await OPERATIONS[name]();
    measured[name] = meter.take();
  }
  return measured as Record<Operation, number>;
}

it("costs as many rows with many jobs as with few", { timeout: 120_000 }, async () => {
  const seed = (count: number, days: number, until: number) =>
    seedJobs(env.DB, { jobId: id, count, days, until });
  await seed(FEW, 1, worker.now - 1_000_000);
  await rowsRead();
  const few = await rowsRead();
  await seed(MANY - FEW, 30, worker.now - 2 * 24 * 60 * 60_000);
  const many = await rowsRead();
  for (const name of Object.keys(few) as Operation[]) {
    expect([name, many[name] <= 2 * few[name]]).toEqual([name, true]);
    expect([name, many[name] < FEW]).toEqual([name, true]);
  }
});
