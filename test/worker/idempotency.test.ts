import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { oldRequestsQuery } from "../../worker/db/idempotency-rows.ts";
import { fingerprintOf } from "../../worker/services/intake/fingerprint.ts";
import { runOnce } from "../../worker/services/intake/run-once.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";

let worker: Harness;
let key: string;
let accountId: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  await env.DB.exec("delete from idempotency_keys");
  worker = new Harness();
  ({ key, id: accountId } = await worker.account());
});

const url = "https://media.example.com/a.mp4";
const post = (name: string, body: object = { url }, header = "x-idempotency-key", as = key) =>
  worker.call("POST", "/jobs", { key: as, body, headers: { [header]: name } });
const count = async (): Promise<number> => {
  const { results } = await env.DB.prepare("select count(*) as n from jobs").all<{ n: number }>();
  return results[0]?.n ?? 0;
};

describe("a request with a key", () => {
  it("that is repeated gets the same response, marked as a repeat", async () => {
    const first = await post("k1");
    const { job_id } = await first.json<{ job_id: string }>();
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([201, null]);
    const again = await post("k1", { url }, "Idempotency-Key");
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([201, "true"]);
    expect(await again.json()).toEqual({ job_id, cached: true });
    expect(await count()).toBe(1);
  });

  it("is the same in any order of its members and with any secrets of its storage", async () => {
    const storage = { provider: "s3", bucket: "b", secret_key: "one" };
    const same = await fingerprintOf(worker.context(), {
      storage: { bucket: "b", secret_key: "two", provider: "s3" },
      url,
    });
    expect(await fingerprintOf(worker.context(), { url, storage })).toBe(same);
    expect(await fingerprintOf(worker.context(), { url, storage: { ...storage, bucket: "c" } })).not.toBe(
      same,
    );
    // outside `storage` these names mean nothing
    expect(await fingerprintOf(worker.context(), { url, secret_key: "one" })).not.toBe(
      await fingerprintOf(worker.context(), { url, secret_key: "two" }),
    );
  });

  it("with another body is refused, and changes nothing", async () => {
    await post("k1");
    const response = await post("k1", { url, folder: "talks" });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ code: "idempotency_key_reused" });
    expect(await count()).toBe(1);
  });

  it("belongs to its account alone", async () => {
    const other = await worker.account();
    const [mine, theirs] = await Promise.all([
      post("k1"),
      post("k1", { url }, "x-idempotency-key", other.key),
    ]);
    expect(await mine.json()).not.toEqual(await theirs.json());
    expect(await count()).toBe(2);
  });

  it("is kept for 24 hours", async () => {
    const { job_id } = await (await post("k1")).json<{ job_id: string }>();
    worker.now += 24 * 60 * 60_000 - 1;
    expect(await (await post("k1")).json()).toMatchObject({ job_id });
    worker.now += 1;
    const fresh = await (await post("k1", { url, folder: "talks" })).json<{ job_id: string }>();
    expect(fresh.job_id).not.toBe(job_id);
    worker.now += 24 * 60 * 60_000;
    expect(await worker.reconcile()).toMatchObject({ old_requests: 1 });
  });

  it.each(["", "k".repeat(256)])("of a wrong length is refused", async (name) => {
    const response = await post(name);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ issues: [{ path: "x-idempotency-key" }] });
  });

  it("that is not valid executes nothing: the same key works for the corrected request", async () => {
    expect((await post("k1", { url: "nonsense" })).status).toBe(400);
    expect((await post("k1")).status).toBe(201);
  });

  it("takes three database calls; without a key it takes one", async () => {
    await worker.call("GET", "/jobs", { key });
    await post("k1");
    expect(worker.logs.findLast(({ event }) => event === "request")).toMatchObject({ d1_calls: 3 });
    await worker.create(key);
    expect(worker.logs.findLast(({ event }) => event === "request")).toMatchObject({ d1_calls: 1 });
  });
});

describe("equal requests at once", () => {
  it("create one job, a thousand of them, and in the end all have the same response", async () => {
    const first = await Promise.all(Array.from({ length: 1_000 }, () => post("same")));
    const obey = async (response: Response): Promise<Response> => {
      if (response.status === 201) return response;
      expect([response.status, response.headers.get("retry-after")]).toEqual([409, "1"]);
      return post("same");
    };
    const responses = await Promise.all(first.map(obey));
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([201]));
    const bodies = await Promise.all(
      responses.map(async (response) => ({ ...(await response.json<object>()), cached: true })),
    );
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(await count()).toBe(1);
  }, 120_000);
});

describe("a Worker that dies", () => {
  const request = () => ({ accountId, route: "POST /jobs", key: "k1", body: { url } });
  /** Claims the request and then dies, before or after it created the job. */
  const die = async (hasMadeTheJob: boolean): Promise<void> => {
    const claimed = Promise.withResolvers<void>();
    void runOnce(worker.context(), request(), async (id) => {
      if (hasMadeTheJob) {
        await env.DB.prepare(
          `insert into jobs (id, account_id, url, request, plan, adjustments, storage_provider, storage_source, status,
            step, progress, attempt, refusals, interruptions, failures, publishing, revision, created_at)
            values (?, ?, ?, '{}', '{}', '[]', 's3', 'managed', 'Pending', 'Queued', 0, 0, 0, 0, 0, 0, 1, 1)`,
        )
          .bind(id, accountId, url)
          .run();
      }
      claimed.resolve();
      return new Promise<never>(() => {});
    });
    await claimed.promise;
  };

  it.each([
    ["before", false],
    ["after", true],
  ])(
    "%s it created the job leaves a claim that another takes over; there is one job",
    async (_, hasMadeTheJob) => {
      await die(hasMadeTheJob);
      expect(await (await post("k1")).json()).toMatchObject({ code: "idempotency_in_progress" });
      worker.now += 75_000;
      const { job_id } = await (await post("k1")).json<{ job_id: string }>();
      expect(await count()).toBe(1);
      expect((await worker.call("GET", `/jobs/${job_id}`, { key })).status).toBe(200);
      expect(await (await post("k1")).json()).toEqual({ job_id, cached: true });
    },
  );

  it("again and again passes one id on to the one that survives", async () => {
    for (let death = 0; death < 20; death++) {
      await die(false);
      worker.now += 75_000;
    }
    await post("k1");
    expect(await count()).toBe(1);
  });
});

describe("an internal error", () => {
  it("is not stored: the next request is executed at once, with the same id", async () => {
    const ids: string[] = [];
    const fail = async (id: string): Promise<never> => {
      ids.push(id);
      throw new Error("the database is away");
    };
    for (let tries = 0; tries < 3; tries++) {
      const ctx = createExecutionContext();
      await expect(
        runOnce(worker.context(ctx), { accountId, route: "POST /x", key: "k", body: {} }, fail),
      ).rejects.toThrow("away");
      await waitOnExecutionContext(ctx);
    }
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });
});

it("finds old requests by an index", async () => {
  await expectIndexed(oldRequestsQuery(worker.context().db, 1, 500));
});
