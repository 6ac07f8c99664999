import { beforeEach, expect, it } from "vitest";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { busy } from "./support/scripted-network.ts";

const LEASE_MS = 60_000;

let worker: Harness;
let key: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = new Harness();
  ({ key } = await worker.account());
});

it("a job that kills its processor takes no other job with it", async () => {
  const running = new Map<string, (typeof worker.network)["run"]>();
  worker.network.onRun = () => {
    const { run } = worker.network;
    const isAlone = [...running.values()].some(({ alone }) => alone);
    if (isAlone || (run.alone && running.size > 0)) return busy(5)();
    running.set(run.job_id, run);
    return Response.json({ v: 1 }, { status: 202 });
  };
  const poison = await worker.create(key);
  const innocents: string[] = [];
  for (let i = 0; i < 5; i++) innocents.push(await worker.create(key));

  // in each round the processor dies if it has the job; otherwise it delivers all of its runs
  for (let round = 0; round < 40; round++) {
    await worker.consumeDispatchQueue();
    if (!running.has(poison)) {
      for (const run of running.values()) await worker.report(run, "outcome", completed);
    }
    running.clear();
    worker.now += LEASE_MS;
    await worker.reconcile();
  }
  expect(await worker.job(key, poison)).toMatchObject({ status: "Failed", error_code: "interrupted" });
  for (const id of innocents) expect(await worker.job(key, id)).toMatchObject({ status: "Completed" });
});

it("a recording that made progress for long resets its count of lost runs", async () => {
  const run = await worker.start(key, { live_recording: true });
  let { attempt } = run;
  for (let lost = 0; lost < 8; lost++) {
    const current = worker.network.run;
    expect(current).toMatchObject({ attempt, alone: false });
    await worker.report(current, "recording", { key: "videos/.recordings/x" });
    for (let minutes = 0; minutes < 12; minutes++) {
      worker.now += 45_000;
      await worker.call("POST", "/internal/heartbeat", {
        body: {
          ...{ v: 1, instance: "p" },
          runs: [{ ...current, step: "Downloading", progress: 1, download_rate: null, title: null }],
        },
      });
      worker.now += 10_000;
    }
    worker.now += LEASE_MS;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    attempt += 1;
  }
  expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Processing" });
});
