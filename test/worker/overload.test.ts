import { beforeEach, describe, expect, it } from "vitest";
import type { Endpoint } from "../../schema/api/endpoint.ts";
import { endpoints } from "../../schema/api/endpoints.ts";
import { completed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { FailingDatabase, type Failure } from "./support/failing-database.ts";
import { Harness } from "./support/harness.ts";
import { busy } from "./support/scripted-network.ts";

const URL_OF_MEDIA = "https://media.example.com/a.mp4";

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  await env.DB.exec("delete from usage");
  await env.DB.exec("delete from idempotency_keys");
});

const count = async (condition: string): Promise<number> =>
  (await env.DB.prepare(`select count(*) as n from ${condition}`).first<{ n: number }>())?.n ?? 0;

describe("a full backlog", () => {
  const post = (worker: Harness, key: string) =>
    worker.call("POST", "/jobs", { key, body: { url: URL_OF_MEDIA } });

  /**
   * Posts jobs until one is refused; returns the refusal. A job that arrives while jobs are counted may count twice.
   */
  async function fill(worker: Harness, key: string, limit: number): Promise<Response> {
    for (let accepted = 0; ; accepted++) {
      const response = await post(worker, key);
      if (response.status === 201) continue;
      expect([limit - 1, limit]).toContain(accepted);
      expect(await count("jobs")).toBe(accepted);
      return response;
    }
  }

  it("refuses further jobs, says when it is counted again, and stores nothing", async () => {
    const worker = new Harness({ MAX_BACKLOG: "3" });
    worker.network.onRun = busy(60);
    const { key } = await worker.account();
    const refusal = await fill(worker, key, 3);
    expect(refusal.status).toBe(503);
    expect(refusal.headers.get("retry-after")).toBe("10");
    expect(await refusal.json()).toMatchObject({ code: "overloaded" });
    expect(worker.dispatchQueue).toHaveLength(await count("jobs"));
  });

  it("accepts jobs again once it has room, whatever made the room", async () => {
    const worker = new Harness({ MAX_BACKLOG: "2" });
    const { key } = await worker.account();
    await fill(worker, key, 2);
    await worker.consumeDispatchQueue();
    expect((await post(worker, key)).status).toBe(503);
    worker.now += 10_000;
    // this one finds the old count, and makes the Worker count the backlog after its response
    expect((await post(worker, key)).status).toBe(503);
    expect((await post(worker, key)).status).toBe(201);
  });

  it("is known to a new isolate after its first response, and adds no round trip to any response", async () => {
    const former = new Harness();
    const { key } = await former.account();
    for (let i = 0; i < 3; i++) await former.create(key);
    const worker = new Harness({ MAX_BACKLOG: "3" });
    // an isolate reads this every ten seconds, which is not about the backlog
    await worker.services.denials.isEmpty(worker.context());
    expect((await post(worker, key)).status).toBe(201);
    expect(worker.logs.at(-1)).toMatchObject({ route: "/jobs", d1_calls: 2 });
    expect((await post(worker, key)).status).toBe(503);
  });
});

describe("a database that fails", () => {
  const failures: readonly Failure[] = ["refused", "answer_lost"];

  /** A Worker whose database fails once, at its n-th call from now. */
  async function failingAt() {
    const database = new FailingDatabase(env.DB);
    const worker = new Harness({ DB: database.binding });
    const { key } = await worker.account();
    const failAt = (n: number, failure: Failure) => {
      const from = database.calls;
      database.failureOf = (call) => (call === from + n ? failure : null);
    };
    return { database, worker, key, failAt };
  }

  it("makes every route that uses it answer 503 with Retry-After, and none 500", async () => {
    const database = new FailingDatabase(env.DB);
    const worker = new Harness({ DB: database.binding });
    const { key } = await worker.account();
    const id = await worker.create(key);
    database.failureOf = () => "refused";
    for (const { method, path, auth } of Object.values<Endpoint>(endpoints)) {
      if (auth === "public") continue;
      const headers = auth === "admin" ? { authorization: `Bearer ${env.ADMIN_TOKEN}` } : {};
      const body = method === "GET" ? {} : { body: { url: URL_OF_MEDIA, name: "x" } };
      const response = await worker.call(method, path.replace(/\{\w+\}/, id), {
        ...(auth === "key" ? { key } : {}),
        headers,
        ...body,
      });
      expect([method, path, response.status]).not.toEqual([method, path, 500]);
      if (response.status === 503) expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    }
    expect(worker.logs.filter(({ code }) => code === "dependency_unavailable").length).toBeGreaterThan(12);
  });

  it.each(failures)("accepts a job completely or not at all (%s at each call)", async (failure) => {
    for (let n = 1, failed = true; failed; n++) {
      const { database, worker, key, failAt } = await failingAt();
      const before = await count("jobs");
      const request = { key, body: { url: URL_OF_MEDIA }, headers: { "idempotency-key": `k${n}` } };
      failAt(n, failure);
      const from = database.calls;
      const response = await worker.call("POST", "/jobs", request);
      failed = database.calls - from >= n;
      expect([201, 503]).toContain(response.status);
      if (response.status === 503) expect(response.headers.get("retry-after")).toBe("5");
      else expect(await count("jobs")).toBe(before + 1);
      // the caller sends it again, and has one job
      database.failureOf = () => null;
      worker.now += 80_000;
      const again = await worker.call("POST", "/jobs", request);
      expect(again.status).toBe(201);
      expect(await count("jobs")).toBe(before + 1);
      const { job_id } = await again.json<{ job_id: string }>();
      expect(await worker.job(key, job_id)).toMatchObject({ status: "Pending" });
    }
  });

  it("confirms a job that was stored although the database's response was lost", async () => {
    const { worker, key, failAt } = await failingAt();
    await worker.create(key);
    failAt(1, "answer_lost");
    expect((await worker.call("POST", "/jobs", { key, body: { url: URL_OF_MEDIA } })).status).toBe(201);
    expect(await count("jobs")).toBe(2);
  });

  it.each(failures)("loses no job at a claim (%s at each call)", async (failure) => {
    for (let n = 1, failed = true; failed; n++) {
      const { database, worker, key, failAt } = await failingAt();
      const id = await worker.create(key);
      failAt(n, failure);
      const from = database.calls;
      const { retried } = await worker.consumeDispatchQueue();
      failed = database.calls - from >= n;
      expect(retried).toHaveLength(failed ? 1 : 0);
      database.failureOf = () => null;
      // a claim whose response was lost lasts until its lease has run out
      worker.now += 61_000;
      await worker.reconcile();
      await worker.consumeDispatchQueue();
      const run = worker.network.run;
      expect(run.job_id).toBe(id);
      expect((await worker.report(run, "outcome", completed)).status).toBe(200);
      expect(await worker.job(key, id)).toMatchObject({ status: "Completed" });
    }
  });

  it.each(failures)("counts an outcome once (%s at each call)", async (failure) => {
    for (let n = 1, failed = true; failed; n++) {
      const { database, worker, key, failAt } = await failingAt();
      const run = await worker.start(key);
      failAt(n, failure);
      const from = database.calls;
      const response = await worker.report(run, "outcome", completed);
      failed = database.calls - from >= n;
      expect([200, 503]).toContain(response.status);
      if (response.status === 503) expect(response.headers.get("retry-after")).toBe("5");
      database.failureOf = () => null;
      expect((await worker.report(run, "outcome", completed)).status).toBe(200);
      expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Completed" });
      expect(await worker.json("GET", "/usage", { key })).toMatchObject({ usage_count: 1 });
    }
  });
});

it("accepts jobs while only the queue is down, and reconcile brings them to a processor", async () => {
  const worker = new Harness();
  const { key } = await worker.account();
  worker.queueIsDown = true;
  const id = await worker.create(key);
  expect(worker.dispatchQueue).toHaveLength(0);
  worker.queueIsDown = false;
  worker.now += 30_000;
  expect(await worker.reconcile()).toMatchObject({ dispatches: 1 });
  await worker.consumeDispatchQueue();
  expect(worker.network.run.job_id).toBe(id);
});
