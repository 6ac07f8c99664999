import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { expiredQuery } from "../../worker/db/expiry-rows.ts";
import {
  deliveredBytesQuery,
  keyMonthQuery,
  monthQuery,
  totalQuery,
  unfinishedByKeyQuery,
  unfinishedQuery,
} from "../../worker/db/usage-rows.ts";
import { CountedAccount, LARGEST_FILE } from "./support/counted-account.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { unreachable } from "./support/scripted-network.ts";

const GB = 1024 ** 3;
const DAY = 24 * 60 * 60_000;

let worker: Harness;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  worker = new Harness();
});

const usage = (key: string, query = "?period=2026-11") =>
  worker.json<Record<string, number>>("GET", `/usage${query}`, { key });
const post = (key: string, body: object = {}) =>
  worker.call("POST", "/jobs", { key, body: { url: "https://media.example.com/a.mp4", ...body } });
const delivered = (file_size: number, facts: object = {}) => ({
  outcome: { type: "completed", delivery: { ...delivery, file_size, ...facts } },
});

describe("usage", () => {
  it("is exact at all times: reserved while jobs are unfinished, settled when they end", async () => {
    const { key } = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: 4 * GB });
    const run = await worker.start(key);
    expect(run.limits.max_filesize_bytes).toBe(4 * GB);
    expect(await usage(key)).toEqual({
      client_name: "tests",
      period: "2026-11",
      usage_count: 1,
      storage_usage_gb: 0,
      storage_reserved_gb: 4,
      storage_effective_usage_gb: 4,
      storage_limit_gb: 10,
      storage_limit_bytes: 10 * GB,
      storage_remaining_gb: 6,
      max_filesize_limit_bytes: 4 * GB,
      max_filesize_limit_mb: 4096,
    });
    await worker.report(run, "outcome", delivered(GB));
    await worker.report(run, "outcome", delivered(GB));
    expect(await usage(key)).toMatchObject({ usage_count: 1, storage_usage_gb: 1, storage_reserved_gb: 0 });
    const refused = await worker.start(key);
    await worker.report(refused, "outcome", failed("private"));
    expect(await usage(key)).toMatchObject({ usage_count: 2, storage_usage_gb: 1, storage_reserved_gb: 0 });
    worker.now = Date.UTC(2026, 11, 1);
    const month = { usage_count: 0, storage_usage_gb: 0, storage_remaining_gb: 10 };
    expect(await usage(key, "?period=2026-12")).toMatchObject(month);
  });

  it("counts everything without a period; what is left of the limit refers to the current month", async () => {
    const { key } = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: 4 * GB });
    await worker.report(await worker.start(key), "outcome", delivered(GB));
    worker.now = Date.UTC(2026, 11, 1);
    await worker.report(await worker.start(key), "outcome", delivered(2 * GB));
    await worker.start(key);
    expect(await usage(key, "")).toMatchObject({
      ...{ period: "all", usage_count: 3, storage_usage_gb: 3, storage_reserved_gb: 4 },
      ...{ storage_effective_usage_gb: 7, storage_remaining_gb: 4 },
    });
  });

  it("of the current billing period is reported to accounts for which the operator set one", async () => {
    const { id, key } = await worker.account();
    const billing = () => worker.json("GET", "/dashboard/billing", { key });
    const change = (body: object) =>
      worker.operator<{ error?: string }>("PATCH", `/admin/accounts/${id}`, body);
    expect(await billing()).toEqual({ billing_enabled: false, message: expect.any(String) });
    expect(await usage(key, "")).not.toHaveProperty("current_period_usage_gb");
    expect(await change({ billing_day: 15 })).toMatchObject({ billing_day: 15 });
    worker.now = Date.UTC(2026, 10, 14, 23, 59);
    await worker.report(await worker.start(key), "outcome", delivered(GB));
    expect(await billing()).toMatchObject({ period_start_formatted: "Oct 15, 2026", total_usage_gb: 1 });
    worker.now = Date.UTC(2026, 10, 15);
    await worker.report(await worker.start(key), "outcome", delivered(2 * GB));
    await worker.report(await worker.start(key), "outcome", failed("private"));
    const [start, end] = [Date.UTC(2026, 10, 15) / 1000, Date.UTC(2026, 11, 15) / 1000];
    expect(await billing()).toEqual({
      ...{ billing_enabled: true, period_start: start, period_end: end, total_usage_gb: 2 },
      ...{ period_start_formatted: "Nov 15, 2026", period_end_formatted: "Dec 15, 2026" },
    });
    expect(await usage(key, "")).toMatchObject({
      ...{ storage_usage_gb: 3, current_period_usage_gb: 2 },
      ...{ billing_period_start: start, billing_period_end: end },
    });
    // the period is counted from the jobs, which must not be removed before it ends
    expect((await change({ limits: { job_retention_days: 7 } })).error).toMatch(
      /^billing_day needs jobs that/,
    );
    expect((await change({ billing_day: 31 })).error).toMatch(/^billing_day must be at most 28/);
    await change({ billing_day: null });
    expect(await billing()).toMatchObject({ billing_enabled: false });
  });

  it("reports the limits of accounts that have some, and only of those", async () => {
    const free = await worker.account();
    expect(Object.keys(await usage(free.key, ""))).toEqual([
      "client_name",
      "period",
      "usage_count",
      "storage_usage_gb",
      "storage_reserved_gb",
      "storage_effective_usage_gb",
    ]);
    const limited = await worker.account({
      max_resolution: 1080,
      max_duration_seconds: 60,
      max_concurrent_jobs: 2,
    });
    expect(await usage(limited.key)).toMatchObject({
      max_resolution_limit: "1080",
      max_duration_limit_seconds: 60,
      max_concurrent_jobs: 2,
    });
  });
});

describe("usage of a month, per account and per key", () => {
  const ofJob = { job: fc.nat(20), key: fc.nat(1) };
  const steps = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant("accept" as const), key: fc.nat(1) }),
      fc.record({ type: fc.constant("complete" as const), job: fc.nat(20), bytes: fc.nat(LARGEST_FILE) }),
      fc.record({ type: fc.constantFrom("fail", "cancel", "lose", "retry"), ...ofJob }),
      fc.constant({ type: "month" as const }),
    ),
    { minLength: 5, maxLength: 16 },
  );

  it("is exact after every step, whatever happens to the jobs and whichever key retries them", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const account = new CountedAccount(new Harness());
        await account.open();
        for (const step of taken) {
          if (step.type === "month") account.passMonth();
          else if (step.type === "accept") await account.accept(step.key);
          else if (step.type === "complete") await account.complete(step.job, step.bytes);
          else if (step.type === "retry") await account.retry(step.job, step.key);
          else await account[step.type](step.job);
          await account.check();
        }
        await account.checkAll();
      }),
      { numRuns: 10 },
    );
  }, 60_000);

  it("is shown to the operator, with its keys; an invalid month is refused", async () => {
    const { id, key } = await worker.account();
    await worker.report(await worker.start(key), "outcome", delivered(GB));
    expect(await worker.operator("GET", `/admin/accounts/${id}/usage`)).toMatchObject({
      account_id: id,
      client_name: "tests",
      period: "2026-11",
      usage_count: 1,
      storage_usage_gb: 1,
      keys: [{ name: "default", last4: key.slice(-4), usage_count: 1, storage_usage_bytes: GB }],
    });
    for (const period of ["2026-13", "2026", "11-2026"]) {
      expect((await worker.call("GET", `/usage?period=${period}`, { key })).status).toBe(400);
    }
  });
});

describe("a quota", () => {
  it("is never exceeded: the last job is limited to what is left, and the next one is refused", async () => {
    const { key } = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: 6 * GB });
    const [first, last] = [await worker.start(key), await worker.start(key)];
    expect([first, last].map(({ limits }) => limits.max_filesize_bytes)).toEqual([6 * GB, 4 * GB]);
    const response = await post(key);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      error: "Storage quota exceeded",
      code: "quota_exceeded",
      limit_gb: "10.00",
      used_gb: "10.00",
      message: "10.00 GB of 10.00 GB were delivered this month or are reserved for unfinished jobs",
    });
    await worker.report(first, "outcome", delivered(GB));
    expect((await post(key)).status).toBe(201);
  });

  it("holds against many requests at once", async () => {
    const { key } = await worker.account({ storage_bytes: 5, max_filesize_bytes: 1 });
    const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await post(key)).status));
    expect(statuses.filter((status) => status === 201)).toHaveLength(5);
    expect(statuses.filter((status) => status === 403)).toHaveLength(35);
  });

  it("is not counted twice when a request is executed again with its key", async () => {
    const { key } = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: 10 * GB });
    const headers = { "x-idempotency-key": "k" };
    const body = { url: "https://media.example.com/a.mp4" };
    await worker.call("POST", "/jobs", { key, body, headers });
    // as if the Worker had died before it stored the response
    await env.DB.exec("update idempotency_keys set status = null, body = null, lease_until = 0");
    expect((await worker.call("POST", "/jobs", { key, body, headers })).status).toBe(201);
    expect(await usage(key)).toMatchObject({ usage_count: 1, storage_reserved_gb: 10 });
  });
});

describe("the number of unfinished jobs", () => {
  it("is limited under many requests at once, with a time to come back", async () => {
    const { key } = await worker.account({ max_concurrent_jobs: 3 });
    const responses = await Promise.all(Array.from({ length: 30 }, () => post(key)));
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(3);
    const refused = responses.find(({ status }) => status === 429);
    expect(refused?.headers.get("retry-after")).toBe("10");
    expect(await refused?.json()).toMatchObject({ code: "too_many_jobs" });
    await worker.consumeDispatchQueue();
    await worker.report(worker.network.run, "outcome", completed);
    expect((await post(key)).status).toBe(201);
    expect((await post(key)).status).toBe(429);
  });

  it("takes no further database call", async () => {
    const { key } = await worker.account({ max_concurrent_jobs: 3, storage_bytes: GB });
    await usage(key);
    await post(key);
    expect(worker.logs.findLast(({ event }) => event === "request")).toMatchObject({ d1_calls: 1 });
  });
});

describe("a limit of the resolution", () => {
  it("refuses more, and lowers a request for the best to it, which is reported", async () => {
    const { key } = await worker.account({ max_resolution: 1080 });
    const refused = await post(key, { max_resolution: 1440 });
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: "forbidden" }]);
    expect(await (await post(key)).json()).toMatchObject({
      adjustments: [{ field: "max_resolution", from: "best", to: 1080 }],
    });
    const run = await worker.start(key, { max_resolution: "720p" });
    expect(run.plan.max_resolution).toBe(720);
    expect(await (await post(key, { format: "mp3" })).json()).not.toHaveProperty("adjustments");
  });
});

describe("the rate of requests", () => {
  it("is limited per key and kind of route; waiting as long as requested is enough", async () => {
    worker = new Harness({ RATE_LIMIT_WRITE: "5", RATE_LIMIT_READ: "1000" });
    const [{ key }, other] = [await worker.account(), await worker.account()];
    worker.now = Math.ceil(worker.now / 60_000) * 60_000 + 10_000;
    const responses = [];
    for (let request = 0; request < 10; request++) responses.push(await post(key));
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201, 429, 429, 429, 429, 429]);
    expect(responses[0]?.headers.get("ratelimit-policy")).toBe('"write";q=5;w=60');
    expect(responses[0]?.headers.get("ratelimit")).toBe('"write";r=4;t=50');
    expect(responses[9]?.headers.get("ratelimit")).toBe('"write";r=0;t=50');
    expect(responses[9]?.headers.get("retry-after")).toBe("50");
    expect(await responses[9]?.json()).toMatchObject({ code: "rate_limited" });
    expect((await post(other.key)).status).toBe(201);
    expect((await worker.call("GET", "/jobs", { key })).status).toBe(200);
    worker.now += 50_000;
    expect((await post(key)).status).toBe(201);
  });

  it("never refuses a caller that waits as requested, however much it asks", async () => {
    worker = new Harness({ RATE_LIMIT_WRITE: "5" });
    const { key } = await worker.account();
    for (let request = 0, refusals = 0; request < 40; request++) {
      let response = await post(key);
      if (response.status === 429) {
        refusals += 1;
        worker.now += Number(response.headers.get("retry-after")) * 1_000;
        response = await post(key);
      }
      expect([response.status, refusals]).toEqual([201, Math.floor(request / 5)]);
      worker.now += 1_000;
    }
  });

  it("is reported on refusals, too, and on streams", async () => {
    const { key } = await worker.account();
    const refused = await post(key, { url: "nonsense" });
    expect([refused.status, refused.headers.has("ratelimit")]).toEqual([400, true]);
    const run = await worker.start(key);
    await worker.report(run, "outcome", completed);
    const events = await worker.call("GET", `/jobs/${run.job_id}/events`, { key });
    expect(events.headers.get("ratelimit")).toContain('"read"');
    await events.text();
  });

  it("of all isolates together is counted by the platform", async () => {
    const { key } = await worker.account();
    const refusing = { limit: async () => ({ success: false }) };
    const isolate = new Harness({ WRITE_RATE: refusing } as never);
    expect((await isolate.call("POST", "/jobs", { key, body: {} })).status).toBe(429);
    const broken = { limit: async () => Promise.reject(new Error("away")) };
    const open = new Harness({ WRITE_RATE: broken } as never);
    expect((await open.call("POST", "/jobs", { key, body: {} })).status).toBe(400);
  });
});

describe("files of the operator's bucket", () => {
  const end = async (key: string, facts: object = {}) => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", delivered(1, facts));
    return run.job_id;
  };
  const deleted = () => worker.network.calls.filter((call) => call.startsWith("DELETE storage.example"));

  it("expire after the configured days or the account's own, and the job says when", async () => {
    const [{ key }, short] = [await worker.account(), await worker.account({ retention_days: 1 })];
    const [id, shortId] = [await end(key), await end(short.key, { key: "videos/b.mp4" })];
    expect(await worker.job(key, id)).toMatchObject({ expires_at: worker.now + 7 * DAY });
    expect(await worker.job(short.key, shortId)).toMatchObject({ expires_at: worker.now + DAY });
    worker.now += DAY;
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    expect(deleted()).toEqual(["DELETE storage.example/media/videos/b.mp4"]);
    expect(await worker.job(short.key, shortId)).toMatchObject({
      status: "Completed",
      s3_url: null,
      s3_key: null,
    });
    expect((await worker.job(key, id)).s3_url).not.toBeNull();
  });

  it("are deleted in pages, and those that the bucket refuses are tried again", async () => {
    const { key } = await worker.account();
    for (let index = 0; index < 60; index++) await end(key, { key: `videos/${index}.mp4` });
    worker.now += 7 * DAY;
    worker.network.onStorage = unreachable;
    expect(await worker.reconcile()).toMatchObject({ expired_files: 0 });
    worker.network.onStorage = () => new Response(null, { status: 204 });
    expect(await worker.reconcile()).toMatchObject({ expired_files: 60 });
    expect(await worker.reconcile()).toMatchObject({ expired_files: 0 });
  });

  it("are removed from their jobs later when the Worker died after deleting them", async () => {
    const { key } = await worker.account();
    const ids = [await end(key), await end(key, { key: "videos/b.mp4" })];
    worker.now += 7 * DAY;
    await env.DB.exec(
      "create trigger death before update of object_key on jobs begin select raise(abort, 'dead'); end",
    );
    expect(await worker.reconcile()).toMatchObject({ expired_files: 0 });
    await env.DB.exec("drop trigger death");
    expect(deleted()).toHaveLength(2);
    for (const id of ids) expect((await worker.job(key, id)).s3_key).not.toBeNull();
    expect(await worker.reconcile()).toMatchObject({ expired_files: 2 });
    for (const id of ids) expect(await worker.job(key, id)).toMatchObject({ s3_key: null, s3_url: null });
  });

  it("are kept when a later job wrote them again", async () => {
    const { key } = await worker.account();
    await end(key);
    worker.now += 3 * DAY;
    const later = await end(key);
    worker.now += 4 * DAY;
    expect(await worker.reconcile()).toMatchObject({ expired_files: 1 });
    expect(deleted()).toEqual([]);
    expect((await worker.job(key, later)).s3_url).not.toBeNull();
    worker.now += 3 * DAY;
    await worker.reconcile();
    expect(deleted()).toHaveLength(1);
  });
});

describe("the database", () => {
  const db = () => worker.context().db;
  const queries = {
    "the usage of a month": () => monthQuery(db(), "a", "2026-11"),
    "the usage since the beginning": () => totalQuery(db(), "a"),
    "the usage of a billing period": () => deliveredBytesQuery(db(), "a", { start: 1, end: 2 }),
    "unfinished jobs": () => unfinishedQuery(db(), "a"),
    "the usage of keys in a month": () => keyMonthQuery(db(), "a", "2026-11"),
    "unfinished jobs by their keys": () => unfinishedByKeyQuery(db(), "a"),
    "expired files": () => expiredQuery(db(), 1, { expires_at: 0, id: "" }, 50),
  };
  it.each(Object.entries(queries))("finds %s by an index, in its order", async (_, query) => {
    await expectIndexed(query());
  });
});
