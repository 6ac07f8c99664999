import { beforeEach, describe, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { unreachable } from "./support/scripted-network.ts";

let worker: Harness;
let key: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = new Harness();
  ({ key } = await worker.account());
});

const beat = (boot: string, run: RunRequest) =>
  worker.call("POST", "/internal/heartbeat", {
    body: {
      ...{ v: 1, instance: "processor-0", boot },
      runs: [{ ...run, step: "Downloading", progress: 1, download_rate: null, title: null }],
    },
  });

/** A process reports that it has just started. */
const start = (boot: string, replaces: string | null, token = String(env.PROCESSOR_TOKEN)) =>
  worker.call("POST", "/internal/heartbeat", {
    body: { v: 1, instance: "processor-0", boot, started: { replaces, free_slots: 4 }, runs: [] },
    headers: { authorization: `Bearer ${token}` },
  });

describe("a processor that restarts", () => {
  it("gives up the runs of its former process, and starts them again at once", async () => {
    const run = await worker.start(key);
    await beat("first", run);
    await start("second", "first");
    expect(worker.network.run).toMatchObject({ job_id: run.job_id, attempt: 2 });
    expect(worker.network.runs).toHaveLength(2);
  });

  it("leaves alone the runs of other processes of the same name", async () => {
    const run = await worker.start(key);
    await beat("other", run);
    await start("second", "first");
    await start("third", null);
    expect(worker.network.runs).toHaveLength(1);
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Processing", attempt: 1 });
  });

  it("starts a job that was handed back while no processor could be reached", async () => {
    worker.network.onRun = unreachable;
    const id = await worker.create(key);
    await worker.consumeDispatchQueue();
    // the message is lost with the stack
    worker.dispatchQueue.splice(0);
    worker.network.onRun = () => Response.json({ v: 1 }, { status: 202 });
    worker.now += 6_000;
    const before = worker.network.runs.length;
    await start("second", "first");
    expect(worker.network.runs.slice(before)).toMatchObject([{ job_id: id }]);
  });

  it("is believed only with the processor's token", async () => {
    const run = await worker.start(key);
    await beat("first", run);
    await start("second", "first", "not-the-token-of-the-processor");
    expect(worker.network.runs).toHaveLength(1);
  });
});

it("an instance of the pool is recognised by its name, even if it lost its disk", async () => {
  const run = await worker.start(key);
  await env.DB.prepare("update jobs set runner = 'processor-0', boot = 'first' where id = ?")
    .bind(run.job_id)
    .run();
  worker = new Harness({ PROCESSOR_URL: "" });
  await start("second", null);
  expect(await worker.job(key, run.job_id)).toMatchObject({ attempt: 1, status: "Pending" });
});
