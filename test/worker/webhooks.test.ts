import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MAX_EVENT_BYTES, type WebhookDelivery } from "../../schema/api/webhook.ts";
import type { Db } from "../../worker/db/connection.ts";
import {
  addDelivery,
  claimDelivery,
  deliveriesOfJobsQuery,
  deliveryPageQuery,
  oldDeliveriesQuery,
  overdueDeliveriesQuery,
} from "../../worker/db/delivery-rows.ts";
import { listenersQuery } from "../../worker/db/job-moves.ts";
import { deliverEvent } from "../../worker/services/webhooks/deliver.ts";
import { newDelivery } from "../../worker/services/webhooks/events.ts";
import { completed, delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { expectIndexed } from "./support/query-plan.ts";
import { type Post, unreachable } from "./support/scripted-network.ts";
import {
  bodyOf,
  endJob as endJobOf,
  hook,
  lastPost as lastPostOf,
  signingSecret,
  verifyAt,
} from "./support/webhooks.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

let worker: Harness;
let key: string;
let accountId: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  await env.DB.exec("delete from webhook_deliveries");
  worker = new Harness();
  ({ key, id: accountId } = await worker.account());
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const secret = (): Promise<string> => signingSecret(worker, key);
const deliveries = async (query = ""): Promise<WebhookDelivery[]> =>
  (await worker.json<{ deliveries: WebhookDelivery[] }>("GET", `/webhooks/deliveries${query}`, { key }))
    .deliveries;
const lastPost = (): Post => lastPostOf(worker);
/** Runs a job to its end; its webhook event is written and not yet sent. */
const endJob = (outcome: object = completed, request: object = {}): Promise<string> =>
  endJobOf(worker, key, outcome, { webhook_url: hook, ...request });
const verify = (post: Post, signingSecret: string): unknown => verifyAt(worker.now, post, signingSecret);

/**
 * Lets time pass from attempt to attempt until the webhook event is no longer pending. Half of the dispatch messages
 * are lost.
 */
async function runToTheEnd(): Promise<WebhookDelivery> {
  for (let step = 0; ; step++) {
    const [newest] = await deliveries();
    if (newest?.status !== "pending" || newest.next_try_at === null) {
      if (!newest) throw new Error("there is no delivery");
      return newest;
    }
    worker.now = Math.max(worker.now, newest.next_try_at);
    if (step % 2 === 1) {
      worker.deliveryQueue.length = 0;
      worker.now += 60_000;
      await worker.reconcile();
    }
    await worker.consumeDeliveryQueue();
  }
}

describe("the end of a job", () => {
  it("is posted once, signed, with all that a receiver needs", async () => {
    const id = await endJob(completed, { folder: "talks" });
    expect(await worker.job(key, id)).toMatchObject({ webhook_status: "pending", webhook_attempts: 0 });
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(1);
    expect(verify(lastPost(), await secret())).toMatchObject({
      type: "job_completed",
      job_id: id,
      status: "completed",
      url: "https://media.example.com/a.mp4",
      key: delivery.key,
      folder: "talks",
      title: delivery.title,
      description: delivery.description,
      release_date: delivery.release_date,
      subtitle_key: null,
      thumbnail_key: null,
      file_size: delivery.file_size,
      sha256: delivery.sha256,
      s3_url: expect.stringContaining("X-Amz-Signature"),
      batch_id: null,
    });
    expect(lastPost().headers.get("content-type")).toBe("application/json");
    expect(await worker.job(key, id)).toMatchObject({
      webhook_status: "delivered",
      webhook_attempts: 1,
      webhook_last_error: null,
      webhook_response_time_ms: 0,
    });
  });

  it.each([
    [
      "private",
      { type: "job_warning", status: "warning", error: "This media is private", error_code: "private" },
    ],
    ["no_format", { type: "job_failed", status: "failed", error_code: "no_format" }],
    ["drm", { type: "job_skipped", status: "skipped", reason: expect.stringContaining("DRM") }],
  ] as const)("%s is reported with its own type", async (code, body) => {
    const job_id = await endJob(failed(code));
    await worker.consumeDeliveryQueue();
    expect(bodyOf(lastPost())).toMatchObject({ job_id, ...body });
  });

  it("by the caller's own cancellation is reported, too", async () => {
    const id = await worker.create(key, { webhook_url: hook });
    await worker.call("DELETE", `/jobs/${id}`, { key });
    await worker.consumeDeliveryQueue();
    expect(bodyOf(lastPost())).toMatchObject({ type: "job_failed", job_id: id, error_code: "cancelled" });
  });

  it("is reported once, however often the processor reports it", async () => {
    const run = await worker.start(key, { webhook_url: hook });
    await Promise.all([1, 2, 3].map(() => worker.report(run, "outcome", completed)));
    await worker.consumeDeliveryQueue();
    await worker.reconcile();
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(1);
  });

  it("fits into 20 KB whatever the texts are", async () => {
    const long = { ...delivery, title: "\u0001😀".repeat(300), description: "ünï\n".repeat(2_500) };
    await endJob({ outcome: { type: "completed", delivery: long } });
    await worker.consumeDeliveryQueue();
    expect(new TextEncoder().encode(lastPost().body).byteLength).toBeLessThanOrEqual(MAX_EVENT_BYTES);
    expect(bodyOf(lastPost())).toMatchObject({
      title: long.title,
      description: expect.stringMatching(/^ünï\n.*…$/s),
    });
  });

  it("is not posted when the caller gave no address", async () => {
    const run = await worker.start(key);
    await worker.report(run, "outcome", completed);
    expect(worker.deliveryQueue).toEqual([]);
    expect(await worker.job(key, run.job_id)).toMatchObject({ webhook_status: "no_webhook" });
  });
});

describe("an endpoint that is down", () => {
  const downUntil = (time: number) => () => new Response(null, { status: worker.now < time ? 503 : 200 });

  it.each([1, 24, 74])(
    "for %i h gets its webhook event, with the same id and a fresh valid signature",
    async (hours) => {
      const start = worker.now;
      worker.network.onHook = downUntil(start + hours * HOUR);
      const job_id = await endJob();
      const ended = await runToTheEnd();
      expect(ended).toMatchObject({ status: "delivered", attempts: worker.network.posts.length });
      expect(ended.attempts).toBeGreaterThan(1);
      expect(new Set(worker.network.posts.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
      expect(verify(lastPost(), await secret())).toMatchObject({ job_id });
      expect(await worker.job(key, job_id)).toMatchObject({ webhook_status: "delivered" });
    },
  );

  it("for 80 h is listed as failed after ten tries; a replay delivers with the same id", async () => {
    const start = worker.now;
    worker.network.onHook = downUntil(start + 80 * HOUR);
    const job_id = await endJob();
    const ended = await runToTheEnd();
    expect(ended).toMatchObject({ status: "failed", attempts: 10, last_status: 503, job_id });
    expect(ended.failed_at).toBeGreaterThan(start + 75 * HOUR);
    expect(await deliveries("?status=failed")).toHaveLength(1);
    expect(await worker.job(key, job_id)).toMatchObject({
      webhook_status: "failed",
      webhook_attempts: 10,
      webhook_last_error: "the endpoint responded with 503",
    });
    worker.now = start + 80 * HOUR;
    const path = `/webhooks/deliveries/${ended.id}/replay`;
    const replay = await worker.json<WebhookDelivery>("POST", path, { key });
    expect(replay).toMatchObject({ status: "pending", replay_of: ended.id, event_id: ended.event_id });
    expect((await worker.call("POST", `/webhooks/deliveries/${replay.id}/replay`, { key })).status).toBe(400);
    await worker.consumeDeliveryQueue();
    expect(lastPost().headers.get("webhook-id")).toBe(ended.event_id);
    verify(lastPost(), await secret());
    expect(await deliveries(`?job_id=${job_id}&status=delivered`)).toMatchObject([{ id: replay.id }]);
    expect(await worker.job(key, job_id)).toMatchObject({ webhook_status: "delivered" });
  });

  it("may say when to come back, and is obeyed", async () => {
    worker.network.onHook = () => new Response(null, { status: 429, headers: { "retry-after": "600" } });
    await endJob();
    await worker.consumeDeliveryQueue();
    expect(await deliveries()).toMatchObject([{ attempts: 1, next_try_at: worker.now + 600_000 }]);
    worker.now += 599_000;
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(1);
  });

  it("is given up for good when it answers 410", async () => {
    worker.network.onHook = () => new Response(null, { status: 410 });
    await endJob();
    await worker.consumeDeliveryQueue();
    expect(await deliveries()).toMatchObject([{ status: "failed", attempts: 1, last_status: 410 }]);
  });

  it.each([
    [
      "a redirect",
      () => Response.redirect("https://elsewhere.example/", 307),
      "the endpoint responded with 307; redirects are not followed",
    ],
    ["a refused connection", unreachable, "no connection"],
  ])("is tried again after %s", async (_, onHook, last_error) => {
    worker.network.onHook = onHook;
    await endJob();
    await worker.consumeDeliveryQueue();
    expect(await deliveries()).toMatchObject([{ status: "pending", attempts: 1, last_error }]);
    expect(worker.network.calls.filter((call) => call.includes("elsewhere"))).toEqual([]);
  });

  it("is never contacted at a private address", async () => {
    const row = {
      account_id: accountId,
      job_id: null,
      kind: "webhook",
      type: "job_failed",
      body: "{}",
    } as const;
    await addDelivery(
      worker.context().db,
      newDelivery(worker.context(), { ...row, url: "http://10.0.0.1/in" }),
    );
    worker.now += 60_000;
    await worker.reconcile();
    await worker.consumeDeliveryQueue();
    expect(await deliveries()).toMatchObject([{ last_error: "the address is not public (private address)" }]);
  });

  it("for five days is disabled and reported; a successful replay enables it", async () => {
    worker.network.onHook = () => new Response(null, { status: 500 });
    await endJob();
    await runToTheEnd();
    worker.now += 2 * DAY;
    await endJob();
    await worker.consumeDeliveryQueue();
    const path = "/user/webhooks";
    expect(await worker.json("GET", path, { key })).toMatchObject({
      endpoints: [{ url: hook, enabled: false, disabled_at: worker.now, last_success_at: null }],
    });
    const posts = worker.network.posts.length;
    await endJob();
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(posts);
    const [off] = await deliveries("?status=failed");
    expect(off).toMatchObject({ attempts: 0, last_error: expect.stringContaining("disabled") });
    worker.network.onHook = () => new Response(null, { status: 200 });
    await worker.call("POST", `/webhooks/deliveries/${off?.id}/replay`, { key });
    await worker.consumeDeliveryQueue();
    expect(await worker.json("GET", path, { key })).toMatchObject({
      endpoints: [{ enabled: true, failing_since: null, last_success_at: worker.now }],
    });
  });
});

describe("a Worker that dies", () => {
  it("300 times around deliveries loses none, and repeats carry the same id", async () => {
    const row = {
      account_id: accountId,
      job_id: null,
      kind: "webhook",
      type: "job_failed",
      url: hook,
    } as const;
    await secret();
    const expected = new Map<string, string>();
    for (let index = 0; index < 100; index++) {
      const body = JSON.stringify({ index });
      const added = await addDelivery(worker.context().db, newDelivery(worker.context(), { ...row, body }));
      expected.set(added?.event_id ?? "", body);
    }
    const ids = [...expected.keys()];
    let deaths = 0;
    // before the dispatch message is read, after the claim, and after the endpoint's response
    for (const die of [dieBeforeTheClaim, dieAfterTheClaim, dieAfterTheResponse]) {
      for (const id of ids) {
        await die(id);
        deaths += 1;
      }
      worker.now += 60_000;
    }
    expect(deaths).toBe(300);
    expect(worker.network.posts).toHaveLength(100);
    await worker.reconcile();
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(200);
    for (const { headers, body } of worker.network.posts) {
      expect(body).toBe(expected.get(headers.get("webhook-id") ?? ""));
    }
    const { results } = await env.DB.prepare(
      "select status, count(*) as n from webhook_deliveries group by 1",
    ).all();
    expect(results).toEqual([{ status: "delivered", n: 100 }]);
  });

  const dieBeforeTheClaim = async (_id: string): Promise<void> => {
    worker.deliveryQueue.length = 0;
  };
  const dieAfterTheClaim = async (id: string): Promise<void> => {
    const until = worker.now + 60_000;
    expect(await claimDelivery(worker.context().db, id, { now: worker.now, until })).toBeDefined();
  };
  const dieAfterTheResponse = async (id: string): Promise<void> => {
    const context = worker.context();
    let updates = 0;
    const dying = new Proxy(context.db, {
      get(db, name, receiver) {
        if (name === "update") updates += 1;
        if (updates > 1) throw new Error("the Worker died");
        return Reflect.get(db, name, receiver) as unknown;
      },
    }) as Db;
    await expect(deliverEvent({ ...context, db: dying }, id)).rejects.toThrow("the Worker died");
  };
});

it("deliveries are listed in pages of the requested size", async () => {
  for (let index = 0; index < 3; index++) await endJob();
  const page = async (query: string) => {
    const { deliveries: found, next_cursor } = await worker.json<{
      deliveries: WebhookDelivery[];
      next_cursor: string | null;
    }>("GET", `/webhooks/deliveries?${query}`, { key });
    return { ids: found.map(({ id }) => id), next_cursor };
  };
  const { ids: all } = await page("");
  const first = await page("limit=2");
  expect([first.ids, (await page(`limit=2&cursor=${first.next_cursor}`)).ids]).toEqual([
    all.slice(0, 2),
    all.slice(2),
  ]);
  expect((await page("limit=3")).next_cursor).toBeNull();
});

it("an account's deliveries are not shown to another one, and are removed after 30 days", async () => {
  await endJob();
  await worker.consumeDeliveryQueue();
  const [mine] = await deliveries();
  const stranger = await worker.account();
  expect(await worker.json("GET", "/webhooks/deliveries", { key: stranger.key })).toEqual({
    deliveries: [],
    next_cursor: null,
  });
  const path = `/webhooks/deliveries/${mine?.id}/replay`;
  expect((await worker.call("POST", path, { key: stranger.key })).status).toBe(404);
  worker.now += 30 * DAY;
  await worker.reconcile();
  expect(await deliveries()).toHaveLength(1);
  worker.now += 1;
  expect(await worker.reconcile()).toMatchObject({ old_deliveries: 1 });
  expect(await deliveries()).toEqual([]);
});

describe("the database", () => {
  const db = () => worker.context().db;
  const filter = { accountId: "a" };
  const queries = {
    "overdue deliveries": () => overdueDeliveriesQuery(db(), 1, 2, 100),
    "a page of deliveries": () => deliveryPageQuery(db(), filter, 50),
    "a page by status": () => deliveryPageQuery(db(), { ...filter, status: "failed", cursor: "x" }, 50),
    "deliveries of a job": () => deliveryPageQuery(db(), { ...filter, jobId: "x" }, 50),
    "deliveries of jobs": () => deliveriesOfJobsQuery(db(), ["x"]),
    "old deliveries": () => oldDeliveriesQuery(db(), "x", 500),
    "listeners of progress": () => listenersQuery(db(), []),
  };
  it.each(Object.entries(queries))("finds %s by an index, in its order", async (_, query) => {
    await expectIndexed(query());
  });
});

describe("an endpoint that gives no response", () => {
  it("is left alone, and events that wait meanwhile count no attempt", async () => {
    for (let i = 0; i < 4; i++) await endJob();
    const [first, ...others] = worker.deliveryQueue.splice(0);
    if (!first) throw new Error("nothing was to be delivered");
    worker.network.onHook = unreachable;
    worker.deliveryQueue.push(first);
    await worker.consumeDeliveryQueue();
    const posts = worker.network.posts.length;
    worker.deliveryQueue.splice(0, Number.POSITIVE_INFINITY, ...others);
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts).toHaveLength(posts);
    const waiting = (await deliveries()).filter(({ id }) => id !== first.body.delivery_id);
    for (const { attempts, next_try_at } of waiting) {
      expect(attempts).toBe(0);
      expect(next_try_at).toBeGreaterThanOrEqual(worker.now + 5_000);
    }

    worker.network.onHook = () => new Response(null, { status: 204 });
    worker.now += 10_000;
    await worker.consumeDeliveryQueue();
    expect((await deliveries("?status=delivered")).length).toBe(3);
  });

  it("is left alone for longer each time, for ten minutes at most", async () => {
    worker.network.onHook = unreachable;
    const pauses: number[] = [];
    for (let i = 0; i < 10; i++) {
      await endJob();
      const id = worker.deliveryQueue.splice(0).at(-1)?.body.delivery_id ?? "";
      await deliverEvent(worker.context(), id);
      const row = await env.DB.prepare("select paused_until from webhook_endpoints where account_id = ?")
        .bind(accountId)
        .first();
      pauses.push((Number(row?.paused_until) - worker.now) / 1000);
      worker.now = Number(row?.paused_until);
      worker.deliveryQueue.splice(0);
    }
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  });
});
