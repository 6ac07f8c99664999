import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { unreachable } from "./support/scripted-network.ts";
import { bodyOf, endJob, hook, lastPost, signingSecret, verifyAt } from "./support/webhooks.ts";

/** What accounts and requests choose about webhook events: the secret that signs them, their types, progress, and Slack. */

const DAY = 24 * 60 * 60_000;

let worker: Harness;
let key: string;

beforeEach(async () => {
  await env.DB.exec("delete from jobs");
  await env.DB.exec("delete from webhook_deliveries");
  worker = new Harness();
  ({ key } = await worker.account());
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const secret = (): Promise<string> => signingSecret(worker, key);

describe("the signing secret", () => {
  it("stays the same until it is rotated; for 24 h both sign", async () => {
    const before = await secret();
    expect(await secret()).toBe(before);
    const rotated = await worker.json<{ webhook_signing_secret: string }>(
      "POST",
      "/user/webhook-secret/rotate",
      { key },
    );
    const after = rotated.webhook_signing_secret;
    expect(after).not.toBe(before);
    expect(await secret()).toBe(after);
    const verify = (one: string) => verifyAt(worker.now, lastPost(worker), one);
    await endJob(worker, key, completed, { webhook_url: hook });
    await worker.consumeDeliveryQueue();
    verify(before);
    verify(after);
    worker.now += DAY;
    await endJob(worker, key, completed, { webhook_url: hook });
    await worker.consumeDeliveryQueue();
    verify(after);
    expect(() => verify(before)).toThrow();
  });

  it("is sealed at rest, and never shown to the operator", async () => {
    const plain = await secret();
    const { results } = await env.DB.prepare("select * from accounts").all();
    expect(JSON.stringify(results)).not.toContain(plain);
    const { accounts } = await worker.operator<{ accounts: object[] }>("GET", "/admin/accounts");
    expect(JSON.stringify(accounts)).not.toContain("webhook_secret");
  });

  it("is the same for all when many ask for it for the first time at once", async () => {
    expect(new Set(await Promise.all([1, 2, 3, 4, 5].map(secret))).size).toBe(1);
  });
});

describe("the events that a request chose", () => {
  const types = () => worker.network.posts.map((post) => bodyOf(post).type);

  it("are the only ones that are sent, and the others create no delivery", async () => {
    const request = { webhook_url: hook, webhook_events: ["job_failed", "batch_completed"] };
    const done = await worker.start(key, request);
    expect(await worker.job(key, done.job_id)).toMatchObject({ webhook_status: "pending" });
    await worker.report(done, "outcome", completed);
    const failing = await worker.start(key, request);
    await worker.report(failing, "outcome", failed("no_format"));
    await worker.consumeDeliveryQueue();
    expect(types()).toEqual(["job_failed"]);
    expect(await worker.job(key, done.job_id)).toMatchObject({
      webhook_status: "no_webhook",
      webhook_events: request.webhook_events,
    });
    expect(await worker.job(key, failing.job_id)).toMatchObject({ webhook_status: "delivered" });
  });

  it("may be progress alone", async () => {
    const run = await worker.start(key, { webhook_url: hook, webhook_events: ["progress"] });
    await worker.report(run, "outcome", completed);
    await worker.consumeDeliveryQueue();
    expect(new Set(types())).toEqual(new Set(["progress"]));
    expect(await worker.job(key, run.job_id)).toMatchObject({ enable_progress_webhook: true });
  });

  it("of a batch also apply to its own event, which carries the batch's metadata", async () => {
    const ends = async (webhook_events: string[]) => {
      const { job_ids } = await worker.json<{ job_ids: string[] }>("POST", "/jobs/bulk", {
        key,
        body: {
          jobs: [{ url: "https://media.example.com/a.mp4" }],
          ...{ webhook_url: hook, webhook_events, metadata: { customer: "acme" } },
        },
      });
      await worker.call("DELETE", `/jobs/${job_ids[0]}`, { key });
      await worker.consumeDeliveryQueue();
      return worker.network.posts.splice(0).map(bodyOf);
    };
    expect(await ends(["job_completed"])).toEqual([]);
    expect(await ends(["batch_completed"])).toMatchObject([
      { type: "batch_completed", metadata: { customer: "acme" } },
    ]);
  });

  it("without an address are reported as an adjustment, as is a request for progress", async () => {
    const body = {
      url: "https://media.example.com/a.mp4",
      enable_progress_webhook: true,
      webhook_events: ["job_failed"],
    };
    const reason = "There is no webhook_url to send events to";
    expect(await worker.json("POST", "/jobs", { key, body })).toMatchObject({
      adjustments: [
        { field: "enable_progress_webhook", from: true, to: null, reason },
        { field: "webhook_events", from: "job_failed", to: null, reason },
      ],
    });
  });

  it("carry the job's metadata, and so does progress", async () => {
    const metadata = { customer: "acme", "order no.": "7" };
    const run = await worker.start(key, { webhook_url: hook, enable_progress_webhook: true, metadata });
    await worker.report(run, "outcome", completed);
    await worker.consumeDeliveryQueue();
    const bodies = worker.network.posts.map(bodyOf);
    expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(["progress", "job_completed"]));
    for (const body of bodies) expect(body.metadata).toEqual(metadata);
  });
});

describe("progress", () => {
  const stages = () =>
    worker.network.posts
      .map(bodyOf)
      .flatMap((body) => (body.type === "progress" ? [[body.stage, body.progress_percent]] : []));

  it("is reported at each change of stage, if the caller asked for it", async () => {
    const run = await worker.start(key, { webhook_url: hook, enable_progress_webhook: true });
    const heartbeat = (step: string) =>
      worker.call("POST", "/internal/heartbeat", {
        body: {
          v: 1,
          instance: "p",
          runs: [{ ...run, step, progress: 1, download_rate: null, title: null }],
        },
      });
    await heartbeat("Downloading");
    await heartbeat("Muxing");
    await heartbeat("Muxing");
    await heartbeat("Uploading");
    await worker.report(run, "publish");
    await worker.report(run, "outcome", completed);
    expect(stages()).toEqual([
      ["downloading", 0],
      ["download_complete", 33],
      ["muxing", 33],
      ["mux_complete", 66],
      ["uploading", 66],
      ["completed", 100],
    ]);
    for (const post of worker.network.posts) verifyAt(worker.now, post, await secret());
  });

  it("has every stage even if the job ends at once, and is not sent unless the caller asked for it", async () => {
    const quiet = await worker.start(key, { webhook_url: hook });
    await worker.report(quiet, "outcome", completed);
    expect(stages()).toEqual([]);
    const run = await worker.start(key, { webhook_url: hook, enable_progress_webhook: true });
    await worker.report(run, "outcome", completed);
    expect(stages()).toHaveLength(6);
  });

  it("that does not arrive is dropped, and disturbs nothing", async () => {
    worker.network.onHook = unreachable;
    const run = await worker.start(key, { webhook_url: hook, enable_progress_webhook: true });
    await worker.report(run, "outcome", completed);
    expect(await worker.job(key, run.job_id)).toMatchObject({ status: "Completed" });
    const { deliveries } = await worker.json<{ deliveries: unknown[] }>("GET", "/webhooks/deliveries", {
      key,
    });
    expect(deliveries).toHaveLength(1);
  });
});

describe("Slack", () => {
  const settle = async () => {
    worker.deliveryQueue.length = 0;
    worker.now += 60_000;
    await worker.reconcile();
    await worker.consumeDeliveryQueue();
    return worker.network.posts.splice(0).map(bodyOf);
  };
  const save = (body: object) => worker.call("POST", "/user/slack", { key, body });
  const runs = async () => {
    for (const outcome of [completed, failed("no_format"), failed("private")]) {
      await endJob(worker, key, outcome, {});
    }
  };

  it.each([
    ["all", ["Delivered", "Failed", "Warning"]],
    ["errors_only", ["Failed"]],
    ["warnings_only", ["Warning"]],
  ])("gets %s", async (notify_level, heard) => {
    await save({ webhook_url: hook, notify_level });
    await runs();
    const texts = (await settle()).map(({ text }) => String(text).split(":")[0]);
    expect(texts.sort()).toEqual(heard);
  });

  it("is set, shown and removed", async () => {
    expect(await worker.json("GET", "/user/slack", { key })).toEqual({
      configured: false,
      webhook_url: null,
      notify_level: null,
    });
    expect((await save({ webhook_url: "http://127.0.0.1/" })).status).toBe(400);
    expect(await (await save({ webhook_url: hook })).json()).toEqual({
      message: "Slack notifications configured successfully",
      configured: true,
      notify_level: "all",
    });
    expect(await worker.json("GET", "/user/slack", { key })).toMatchObject({
      configured: true,
      notify_level: "all",
    });
    await worker.call("DELETE", "/user/slack", { key });
    await runs();
    expect(await settle()).toEqual([]);
  });
});
