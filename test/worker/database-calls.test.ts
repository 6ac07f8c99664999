import { beforeEach, describe, expect, it } from "vitest";
import { dispatchJob } from "../../worker/services/runs/dispatcher.ts";
import { completed } from "./support/delivery.ts";
import { Harness } from "./support/harness.ts";

/** Round trips to the database: they decide how fast requests are, wherever the database is. */

let worker: Harness;
let key: string;

beforeEach(async () => {
  worker = new Harness();
  ({ key } = await worker.account());
  // what every isolate soon has cached: the key, and which sources are in back-off
  await worker.json("GET", "/usage", { key });
  await worker.services.backoffs.read(worker.context());
});

const callsOfLastRequest = () => worker.logs.findLast(({ event }) => event === "request")?.d1_calls;

it("a whole job takes ten database calls", async () => {
  const id = await worker.create(key);
  const accepted = callsOfLastRequest();
  const context = worker.context();
  await dispatchJob(context, id);
  const [run] = worker.network.runs;
  if (!run) throw new Error("the job was not handed over");
  await worker.report(run, "upload", { key: "videos/a.mp4", ref: "u1" });
  const uploading = callsOfLastRequest();
  await worker.report(run, "publish");
  const publishing = callsOfLastRequest();
  await worker.report(run, "outcome", { ...completed, free_slots: 1 });
  const ended = callsOfLastRequest();
  expect(await worker.job(key, id)).toMatchObject({ status: "Completed" });
  expect({
    ...{ accepted, dispatched: context.connection.calls, uploading, publishing },
    ...{ ended, read: callsOfLastRequest() },
  }).toEqual({
    accepted: 1,
    // the job is read with everything that belongs to it, then claimed
    dispatched: 2,
    uploading: 1,
    publishing: 2,
    // one of them looks for the next job
    ended: 3,
    read: 1,
  });
});

describe("the database calls of a request", () => {
  const body = { url: "https://media.example.com/a.mp4" };
  it.each([
    ["POST", "/jobs", body, 1],
    // the folder depends on the account's storage, and the source may get stored cookies
    ["POST", "/jobs/plan", body, 2],
    ["GET", "/jobs", undefined, 1],
    ["GET", "/jobs/{id}", undefined, 1],
    ["DELETE", "/jobs/{id}", undefined, 2],
    ["GET", "/usage", undefined, 2],
    ["GET", "/healthz", undefined, 0],
    ["GET", "/openapi.json", undefined, 0],
  ] as const)("%s %s are few", async (method, path, sent, calls) => {
    const id = await worker.create(key);
    await worker.call(method, path.replace("{id}", id), { key, body: sent });
    expect(callsOfLastRequest()).toBe(calls);
  });

  it("a heartbeat takes one database call, however many runs it reports", async () => {
    const first = await worker.start(key);
    const second = await worker.start(key);
    const runs = [first, second].map(({ job_id, attempt, token }) => ({
      ...{ job_id, attempt, token, step: "Downloading", progress: 10, download_rate: null, title: null },
    }));
    await worker.call("POST", "/internal/heartbeat", { body: { v: 1, instance: "processor-0", runs } });
    expect(callsOfLastRequest()).toBe(1);
  });
});

it("database calls claim only as many waiting jobs as the processor has room for", async () => {
  const run = await worker.start(key);
  for (let waiting = 0; waiting < 3; waiting++) await worker.create(key);
  await worker.report(run, "outcome", { ...completed, free_slots: 1 });
  expect(worker.network.runs).toHaveLength(2);
  const [, next] = worker.network.runs;
  if (!next) throw new Error("no job was started");
  await worker.report(next, "outcome", { ...completed, free_slots: 0 });
  expect(worker.network.runs).toHaveLength(2);
});
