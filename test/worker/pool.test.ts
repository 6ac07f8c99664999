import { beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../worker/config.ts";
import { failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const NAMES = ["one.example", "two.example", "three.example"];

let worker: Harness;
let key: string;
/** Processors that answer nobody. */
let dead: Set<string>;
/** Attempts by the processor that took them. */
let taken: string[];

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  dead = new Set();
  taken = [];
  worker = new Harness({ PROCESSOR_URL: NAMES.map((name) => `https://${name}`).join(", ") });
  for (const name of NAMES) {
    worker.network.hosts.set(name, async (request) => {
      if (dead.has(name)) throw new TypeError("connection refused");
      if (request.method === "POST" && new URL(request.url).pathname === "/runs") {
        worker.network.runs.push(await request.json());
        taken.push(name);
        return Response.json({ v: 1 }, { status: 202 });
      }
      if (new URL(request.url).pathname === "/healthz") return new Response(null, { status: 500 });
      return new Response(null, { status: 200 });
    });
  }
  ({ key } = await worker.account());
});

/** Delivers the dispatch messages of a job, some seconds later each time. */
async function dispatch(jobId: string): Promise<void> {
  worker.now += 6_000;
  worker.dispatchQueue.splice(0, Number.POSITIVE_INFINITY, {
    body: { v: 1, job_id: jobId },
    delaySeconds: 0,
  });
  await worker.consumeDispatchQueue();
}

describe("a pool of processors", () => {
  it("spreads jobs over all of them", async () => {
    for (let i = 0; i < 30; i++) await worker.create(key);
    await worker.consumeDispatchQueue();
    expect(new Set(taken)).toEqual(new Set(NAMES));
  });

  it("hands a job to the living one, whichever it is", async () => {
    for (const living of NAMES) {
      dead = new Set(NAMES.filter((name) => name !== living));
      for (let i = 0; i < 6; i++) {
        const before = taken.length;
        const id = await worker.create(key);
        for (let claims = 0; claims < NAMES.length && taken.length === before; claims++) await dispatch(id);
        expect(taken.slice(before)).toEqual([living]);
      }
    }
  });

  it("goes elsewhere with a job whose run was lost", async () => {
    await worker.create(key);
    await worker.consumeDispatchQueue();
    for (let lost = 0; lost < 3; lost++) {
      worker.now += 60_000;
      await worker.reconcile();
      await worker.consumeDispatchQueue();
    }
    expect(new Set(taken.slice(0, 3)).size).toBe(3);
    for (const [index, name] of taken.entries()) expect(name).not.toBe(taken[index - 1]);
  });

  it("stops a run where it is", async () => {
    const id = await worker.create(key);
    await worker.consumeDispatchQueue();
    const deleted: string[] = [];
    for (const name of NAMES) {
      worker.network.hosts.set(name, (request) => {
        if (request.method === "DELETE") deleted.push(name);
        return new Response(null, { status: 200 });
      });
    }
    await worker.call("DELETE", `/jobs/${id}`, { key });
    expect(deleted).toEqual(taken);
  });
});

describe("the configuration of a pool", () => {
  it.each([
    [{ PROCESSOR_URL: "https://a.example, ftp://b.example" }, /PROCESSOR_URL must be an http or https URL/],
    [
      { PROCESSOR_URL: "https://a.example,https://a.example/x" },
      /PROCESSOR_URL must not contain a host twice/,
    ],
    [{ PROCESSOR_URL: "", PROCESSOR_INSTANCES: "11" }, /PROCESSOR_INSTANCES \(11\) must not be greater/],
  ])("is refused where it cannot work: %j", (variables, problem) => {
    expect(() => readConfig({ ...env, ...variables })).toThrow(problem);
  });

  it("may have as many instances as the platform starts", () => {
    const variables = { PROCESSOR_URL: "", PROCESSOR_INSTANCES: "20", PROCESSOR_MAX_INSTANCES: "20" };
    expect(readConfig({ ...env, ...variables }).processor).toEqual({ type: "containers", instances: 20 });
  });
});

it("a job that finds no room on one disk is tried on another", async () => {
  const id = await worker.create(key);
  await worker.consumeDispatchQueue();
  for (let tries = 0; tries < 2; tries++) {
    const run = worker.network.runs.at(-1);
    if (!run) throw new Error("the job was not handed over");
    await worker.report(run, "outcome", failed("disk_full"));
    worker.now += 60_000;
    await dispatch(id);
  }
  expect(new Set(taken).size).toBe(3);
});
