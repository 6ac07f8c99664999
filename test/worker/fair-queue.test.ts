import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { JobRequest } from "../../schema/api/job-request.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { moveQuery } from "../../worker/db/job-moves.ts";
import { nextJobQuery } from "../../worker/db/prepared/job-for-run.ts";
import { acceptJobs } from "../../worker/services/intake/accept-jobs.ts";
import { prepareJob } from "../../worker/services/intake/prepare-job.ts";
import { dispatchJob } from "../../worker/services/runs/dispatcher.ts";
import { failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { unreachable } from "./support/scripted-network.ts";
import { ScriptedProcessor } from "./support/scripted-processor.ts";

let worker: Harness;
let owners: Map<string, string>;
/** Accepted jobs of each account that have not started. */
let waiting: Map<string, number>;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  await env.DB.exec("delete from usage");
  await env.DB.exec("delete from exit_health");
  worker = new Harness();
  owners = new Map();
  waiting = new Map();
});

interface Wishes {
  readonly batch?: string;
  readonly host?: string;
}

/** Accepts this many jobs of an account in one call; their dispatch messages wait in the queue. @returns their ids */
async function accept(account: string, count: number, { batch, host = "media" }: Wishes = {}) {
  const ctx = createExecutionContext();
  const context = worker.context(ctx);
  const request = { url: `https://${host}.example.com/a.mp4` };
  const prepared = prepareJob(context.config, {}, JobRequest.parse(request), request);
  const caller = {
    ...{ id: account, keyId: account, source: "direct" as const, limits: {} },
    ...{ scopes: null, allowedIps: null, expiresAt: null },
  };
  const ids = await acceptJobs(context, caller, Array(count).fill(prepared));
  await waitOnExecutionContext(ctx);
  if (batch !== undefined) {
    const update = "update jobs set batch_id = ? where id in (select value from json_each(?))";
    await env.DB.prepare(update).bind(batch, JSON.stringify(ids)).run();
  }
  for (const id of ids) owners.set(id, account);
  waiting.set(account, (waiting.get(account) ?? 0) + count);
  return ids;
}

/** A processor that checks that every start is fair. */
function fairProcessor(slots: number): ScriptedProcessor {
  const processor = new ScriptedProcessor(worker, slots);
  processor.onStart = (run) => {
    const account = ownerOf(run);
    const counts = countsOf(processor.running);
    for (const [other, left] of waiting) {
      if (left > 0) expect(counts[account] ?? 0).toBeLessThanOrEqual(counts[other] ?? 0);
    }
    waiting.set(account, (waiting.get(account) ?? 0) - 1);
  };
  return processor;
}

const ownerOf = ({ job_id }: RunRequest): string => owners.get(job_id) ?? "";

function countsOf(runs: readonly RunRequest[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const run of runs) counts[ownerOf(run)] = (counts[ownerOf(run)] ?? 0) + 1;
  return counts;
}

const shares = (processor: ScriptedProcessor) => countsOf(processor.running);
const left = () => [...waiting.values()].reduce((sum, count) => sum + count, 0);

/** Delivers the dispatch messages one after the other, in the order in which they were sent. */
async function deliverInOrder(): Promise<void> {
  for (const message of worker.dispatchQueue.splice(0)) {
    const sent = worker.dispatchQueue.splice(0, worker.dispatchQueue.length, message);
    await worker.consumeDispatchQueue();
    worker.dispatchQueue.push(...sent);
  }
}

async function finishAll(processor: ScriptedProcessor): Promise<string[]> {
  const ended: string[] = [];
  while (processor.running[0]) {
    ended.push(ownerOf(processor.running[0]));
    await processor.finish();
  }
  return ended;
}

describe("a flood of one account", () => {
  it("leaves each slot that becomes free to accounts that have fewer, until all have the same", async () => {
    const processor = fairProcessor(6);
    await accept("flood", 300);
    worker.dispatchQueue.length = 20;
    await worker.consumeDispatchQueue();
    expect(shares(processor)).toEqual({ flood: 6 });
    await accept("ann", 20);
    await accept("bob", 20);
    // only runs that end start these jobs
    worker.dispatchQueue.length = 0;
    for (let i = 0; i < 4; i++) await processor.finish();
    expect(shares(processor)).toEqual({ flood: 2, ann: 2, bob: 2 });
    for (let i = 0; i < 30; i++) {
      await processor.finish(i % 6);
      const { flood = 0, ann = 0, bob = 0 } = shares(processor);
      expect(Math.max(flood, ann, bob) - Math.min(flood, ann, bob)).toBeLessThanOrEqual(1);
    }
  });

  it("does not jump the queue with its dispatch messages, and all slots are shared at once", async () => {
    const processor = fairProcessor(6);
    await accept("flood", 60);
    await accept("ann", 5);
    await accept("bob", 1);
    await deliverInOrder();
    expect(shares(processor)).toEqual({ flood: 3, ann: 2, bob: 1 });
  });

  it("is not starved either, and nothing is left behind when every dispatch message was lost", async () => {
    const processor = fairProcessor(2);
    await accept("flood", 20);
    await accept("ann", 8);
    await accept("bob", 8);
    worker.dispatchQueue.length = 0;
    worker.now += 30_000;
    await worker.reconcile();
    await deliverInOrder();
    worker.dispatchQueue.length = 0;
    const ended = await finishAll(processor);
    expect(left()).toBe(0);
    expect(ended).toHaveLength(36);
    // each gets a third of the free slots, as long as all three wait
    for (let i = 0; i < 21; i += 3) {
      expect(new Set(ended.slice(i, i + 3))).toEqual(new Set(["flood", "ann", "bob"]));
    }
  });

  it("alternates over a single slot, although every job is due at the same time", async () => {
    const processor = fairProcessor(1);
    await accept("flood", 6);
    await accept("ann", 3);
    await accept("bob", 3);
    await deliverInOrder();
    worker.dispatchQueue.length = 0;
    const ended = await finishAll(processor);
    expect(ended.slice(0, 9).join()).toBe("flood,ann,bob,flood,ann,bob,flood,ann,bob");
    expect(left()).toBe(0);
  });

  it("leaves nothing behind when all of its messages are consumed at once", async () => {
    const processor = new ScriptedProcessor(worker, 5);
    await accept("flood", 40);
    await accept("ann", 6);
    const { retried } = await worker.consumeDispatchQueue();
    expect(processor.running).toHaveLength(5);
    expect(new Set(processor.running.map(ownerOf))).toEqual(new Set(["flood", "ann"]));
    // every job that has not started still has its dispatch message
    const announced = new Set(
      [...retried, ...worker.dispatchQueue.map(({ body }) => body)].map(({ job_id }) => job_id),
    );
    const started = new Set(processor.running.map(({ job_id }) => job_id));
    for (const id of owners.keys()) expect(announced.has(id) || started.has(id)).toBe(true);
    worker.dispatchQueue.length = 0;
    expect(await finishAll(processor)).toHaveLength(46);
  });
});

it("shares slots fairly and leaves none idle, in whatever order jobs arrive", async () => {
  const arrival = fc.record({
    type: fc.constant("arrive" as const),
    account: fc.constantFrom("ann", "bob", "cy", "dee"),
    count: fc.integer({ min: 1, max: 6 }),
  });
  const end = fc.record({ type: fc.constant("end" as const), place: fc.nat(10) });
  const events = fc.array(fc.oneof(arrival, end), { minLength: 4, maxLength: 14 });
  await fc.assert(
    fc.asyncProperty(events, fc.integer({ min: 1, max: 4 }), async (script, slots) => {
      await env.DB.exec("delete from jobs");
      waiting.clear();
      worker = new Harness();
      const processor = fairProcessor(slots);
      for (const event of script) {
        if (event.type === "arrive") await accept(event.account, event.count);
        else if (processor.running.length > 0) await processor.finish(event.place % processor.running.length);
        await deliverInOrder();
        expect(processor.running.length).toBe(Math.min(slots, processor.running.length + left()));
      }
      await finishAll(processor);
      expect(left()).toBe(0);
    }),
    { numRuns: 12 },
  );
});

describe("a batch", () => {
  it("leaves the last slots to single jobs, which start at once", async () => {
    const processor = new ScriptedProcessor(worker, 8, 2);
    await accept("flood", 30, { batch: "b" });
    await worker.consumeDispatchQueue();
    expect(shares(processor)).toEqual({ flood: 6 });
    await accept("ann", 10);
    await worker.consumeDispatchQueue();
    expect(shares(processor)).toEqual({ flood: 6, ann: 2 });
    worker.dispatchQueue.length = 0;
    expect(await finishAll(processor)).toHaveLength(40);
  });

  it("of an account with nothing running goes before the single jobs of others, where it finds room", async () => {
    const processor = new ScriptedProcessor(worker, 2, 1);
    await accept("flood", 20);
    await worker.consumeDispatchQueue();
    await accept("ann", 2, { batch: "b" });
    worker.dispatchQueue.length = 0;
    await processor.finish();
    expect(shares(processor)).toEqual({ flood: 1, ann: 1 });
    // the second job of the batch finds no room, and delays no other job
    await processor.finish(processor.running.findIndex((run) => ownerOf(run) === "flood"));
    expect(shares(processor)).toEqual({ flood: 1, ann: 1 });
    expect(await finishAll(processor)).toHaveLength(20);
  });
});

describe("an account that is next in the queue does not delay the others", () => {
  it("when its source is in back-off", async () => {
    const processor = new ScriptedProcessor(worker, 3);
    const [struck] = await accept("ann", 1, { host: "strict" });
    await worker.consumeDispatchQueue();
    const [run] = processor.running.splice(0);
    if (!run) throw new Error("nothing runs");
    await worker.report(run, "outcome", failed("bot_check"));
    await accept("ann", 30, { host: "strict" });
    await accept("flood", 5);
    worker.dispatchQueue.splice(0, worker.dispatchQueue.length - 5);
    await deliverInOrder();
    expect(processor.running.map(ownerOf)).toEqual(["flood", "flood", "flood"]);
    expect(struck).toBe(run.job_id);
  });

  it("when the processor of its job cannot be reached", async () => {
    await accept("ann", 1);
    worker.network.onRun = unreachable;
    await worker.consumeDispatchQueue();
    const processor = new ScriptedProcessor(worker, 2);
    await accept("flood", 5);
    await deliverInOrder();
    expect(shares(processor)).toEqual({ flood: 2 });
    worker.now += 5_000;
    await processor.finish();
    expect(shares(processor)).toEqual({ flood: 1, ann: 1 });
  });
});

describe("the cost", () => {
  it("of a dispatch with nothing else waiting is one read and one claim", async () => {
    new ScriptedProcessor(worker, 2);
    const [first = "", second = ""] = await accept("ann", 2);
    await dispatchJob(worker.context(), first);
    const context = worker.context();
    expect(await dispatchJob(context, second)).toEqual({ type: "started" });
    expect(context.connection.calls).toBe(2);
  });

  it("does not include a scan, however many jobs wait", async () => {
    const { db } = worker.context();
    const line = { now: 1, month: "2026-11", singlesOnly: false, passed: [] };
    const read = { id: "x", account_id: "a", batch_id: null, attempt: 1, revision: 1 };
    await expectIndexed(nextJobQuery(db, line), { ordered: "in memory" });
    await expectIndexed(moveQuery(db, read, { status: "Processing" }, line));
  });
});
