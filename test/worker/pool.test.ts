import { beforeEach, describe, expect, it } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { readConfig } from "../../worker/config.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const NAMES = ["one.example", "two.example", "three.example"];

let worker: Harness;
let key: string;
/** Processors that do not answer. */
let dead: Set<string>;
/** Attempts, by the processor that accepted them. */
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

/** Delivers the dispatch messages of a job, each some seconds after the one before. */
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

  it("hands a job to the one that is alive, whichever it is", async () => {
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

  it("sends a job whose run was lost to another one", async () => {
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

  it("stops a run on the processor that has it", async () => {
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

describe("a source that refuses the address of one processor", () => {
  const refused = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const id = await worker.create(key, { url: "https://limits.example.com/a.mp4" });
      await dispatch(id);
      const run = worker.network.runs.at(-1);
      if (run?.job_id !== id) throw new Error("the job was not handed over");
      await worker.report(run, "outcome", failed("rate_limited", 600_000));
    }
  };

  it("is tried by the others, and left alone when all were refused", async () => {
    await env.DB.exec("delete from exit_health");
    await refused(NAMES.length);
    expect(new Set(taken.slice(-NAMES.length))).toEqual(new Set(NAMES));
    const before = taken.length;
    const late = await worker.create(key, { url: "https://limits.example.com/b.mp4" });
    await dispatch(late);
    expect(taken).toHaveLength(before);
    expect(await worker.job(key, late)).toMatchObject({ status: "Pending", error_code: "rate_limited" });
    const other = await worker.create(key, { url: "https://elsewhere.example.com/c.mp4" });
    await dispatch(other);
    expect(taken).toHaveLength(before + 1);
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
    expect(readConfig({ ...env, ...variables }).processor).toEqual({
      ...{ type: "containers", instances: 20 },
      slots: { all: 8, reserved: 2 },
    });
  });
});

it("a job that does not fit on one disk is tried on another", async () => {
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

describe("a pool of container instances", () => {
  const SLOTS = 4;
  /** Instances that do not answer. */
  let silent: Set<string>;
  /** Instances that were asked to start a run, in order. */
  let asked: string[];
  /** Runs, by the instance that has them. */
  let running: Map<string, Set<string>>;

  const isRun = (request: Request) => request.method === "POST" && new URL(request.url).pathname === "/runs";
  const busy = () => new Response(null, { status: 503, headers: { "retry-after": "5" } });

  async function answer(name: string, request: Request): Promise<Response> {
    asked.push(name);
    if (silent.has(name)) throw new TypeError("the container did not become ready");
    if (!isRun(request)) return busy();
    const run = await request.json<RunRequest>();
    const runs = running.get(name) ?? new Set();
    if (runs.size >= SLOTS || (run.alone && runs.size > 0)) return busy();
    running.set(name, runs.add(run.job_id));
    taken.push(name);
    worker.network.runs.push(run);
    return Response.json({ v: 1 }, { status: 202 });
  }

  /** An isolate of the Worker, which shares no memory with the others. */
  function isolate(): Harness {
    const stubOf = (name: string) => ({
      fetch: (url: string, init: RequestInit) => answer(name, new Request(url, init)),
      keepAwake: async () => {},
      health: async () => ({ ok: true }),
    });
    const variables = { PROCESSOR_URL: "", PROCESSOR_INSTANCES: "10", NETWORK_SLOTS: `${SLOTS}` };
    const namespace = { idFromName: (name: string) => name, get: stubOf };
    return new Harness({ ...variables, PROCESSOR: namespace });
  }

  beforeEach(() => {
    silent = new Set();
    asked = [];
    running = new Map();
    worker = isolate();
  });

  const used = () => Object.fromEntries([...running].map(([name, runs]) => [name, runs.size]));

  async function finish(name: string, index = 0): Promise<void> {
    const runs = running.get(name) ?? new Set();
    const id = [...runs][index];
    const run = worker.network.runs.findLast(({ job_id }) => job_id === id);
    if (id === undefined || !run) throw new Error("nothing runs there");
    runs.delete(id);
    const response = await worker.report(run, "outcome", { ...completed, free_slots: SLOTS - runs.size });
    expect(response.status).toBe(200);
  }

  it("fills the lowest ones, as many as the backlog needs, and asks no full one", async () => {
    for (let i = 0; i < 9; i++) await worker.create(key);
    await worker.consumeDispatchQueue();
    expect(used()).toEqual({ "processor-0": 4, "processor-1": 4, "processor-2": 1 });
    // all of them at once: no refusal was needed to learn that an instance is full
    expect(asked).toHaveLength(9);
  });

  it("lets the highest one sleep when there is room below", async () => {
    for (let i = 0; i < 9; i++) await worker.create(key);
    await worker.consumeDispatchQueue();
    await finish("processor-0");
    await finish("processor-2");
    await worker.create(key);
    await worker.consumeDispatchQueue();
    expect(used()).toEqual({ "processor-0": 4, "processor-1": 4, "processor-2": 0 });
  });

  it("uses one instance for jobs that come one after the other", async () => {
    for (let i = 0; i < 12; i++) {
      await worker.create(key);
      await worker.consumeDispatchQueue();
      await finish("processor-0");
    }
    expect(new Set(asked)).toEqual(new Set(["processor-0"]));
  });

  it("is known to an isolate that has just started", async () => {
    for (let i = 0; i < 8; i++) await worker.create(key);
    await worker.consumeDispatchQueue();
    asked = [];
    const { network } = worker;
    worker = isolate();
    worker.network.runs.push(...network.runs);
    await worker.create(key);
    await worker.consumeDispatchQueue();
    expect(asked).toEqual(["processor-2"]);
  });

  it("skips several dead instances, and does not go back to any of them", async () => {
    silent = new Set(["processor-0", "processor-1", "processor-2"]);
    const id = await worker.create(key);
    for (let claims = 0; claims < 4; claims++) await dispatch(id);
    expect(taken).toEqual(["processor-3"]);
    // the next job starts its search behind them
    asked = [];
    await worker.create(key);
    await worker.consumeDispatchQueue();
    expect(asked).toEqual(["processor-3"]);
  });

  it("gives a job that lost two runs an instance for itself, and never one where it lost a run", async () => {
    await worker.create(key);
    await worker.consumeDispatchQueue();
    for (let lost = 0; lost < 2; lost++) {
      worker.now += 61_000;
      for (const runs of running.values()) runs.clear();
      // other jobs are running wherever there is room
      for (let i = 0; i < 2; i++) await worker.create(key);
      await worker.reconcile();
      await worker.consumeDispatchQueue();
    }
    const poison = worker.network.runs.find(({ alone }) => alone);
    const own = [...running].filter(([, runs]) => poison && runs.has(poison.job_id));
    expect(own.map(([, runs]) => runs.size)).toEqual([1]);
  });

  it("sends probes to the lowest one", async () => {
    await worker.call("POST", "/metadata", { key, body: { url: "https://media.example.com/a.mp4" } });
    expect(asked[0]).toBe("processor-0");
  });
});
