import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { bodyOf, endJob, hook, lastPost, signingSecret, verifyAt } from "./support/webhooks.ts";

/** What accounts configure about their webhook events: the secret that signs them, and Slack. */

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
