import { beforeEach, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import { failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";

const SOURCE = "https://me:canary-password@media.example.com/a.mp4?file=1&sig=canary-signature";
const SHOWN = "https://***@media.example.com/a.mp4?file=1&sig=***";
const WEBHOOK = "https://hooks.example.com/canary-webhook-path?t=canary-webhook-query";
const SLACK = "https://hooks.example.com/services/T0/B0/canary-slack-token";
const LIST = "https://lists.example.com/list?key=canary-list";

let worker: Harness;
let key: string;
let id: string;

beforeEach(async () => {
  const clear = (await tables()).map((table) => env.DB.prepare(`delete from ${table}`));
  await env.DB.batch([env.DB.prepare("pragma defer_foreign_keys = on"), ...clear]);
  worker = new Harness();
  ({ key, id } = await worker.account());
});

async function tables(): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "select name from sqlite_master where type = 'table' and name not like '\\_%' escape '\\' and name not like 'd1\\_%' escape '\\' and name not like 'sqlite\\_%' escape '\\'",
  ).all<{ name: string }>();
  return results.map(({ name }) => name);
}

/** Everything in the database, as text. */
async function atRest(): Promise<string> {
  const all = await Promise.all(
    (await tables()).map(async (table) => (await env.DB.prepare(`select * from ${table}`).all()).results),
  );
  return JSON.stringify(all);
}

const request = { url: SOURCE, webhook_url: WEBHOOK };
/**
 * Every job that was handed over fails, and all events about their ends are posted, Slack's by the round of each
 * minute.
 */
async function fail(): Promise<void> {
  for (const run of worker.network.runs) {
    expect((await worker.report(run, "outcome", failed("unavailable"))).status).toBe(200);
  }
  await worker.consumeDeliveryQueue();
  worker.now += 60_000;
  await worker.reconcile();
  await worker.consumeDeliveryQueue();
}

describe("the database contains no secret of a URL in clear text", () => {
  it("at any point of a job's life, and the job runs, is shown and is reported with what its owner sent", async () => {
    await worker.call("POST", "/user/slack", { key, body: { webhook_url: SLACK } });
    const body = JSON.stringify(request);
    const headers = { "x-idempotency-key": "once" };
    const { job_id } = await worker.json<{ job_id: string }>("POST", "/jobs", { key, body, headers });
    expect(await atRest()).not.toContain("canary");
    await worker.consumeDispatchQueue();
    expect(worker.network.run.url).toBe(SOURCE);
    await fail();
    expect(await atRest()).not.toContain("canary");
    expect(JSON.stringify([worker.dispatchQueue, worker.deliveryQueue])).not.toContain("canary");

    const posted = worker.network.posts.map(({ url }) => url);
    expect(posted).toContain(WEBHOOK);
    const bodies = JSON.stringify(worker.network.posts.map((post) => post.body));
    expect(bodies).not.toContain("canary");
    expect(bodies).toContain(SHOWN);

    const job = await worker.job(key, job_id);
    expect(job).toMatchObject({ url: SOURCE, webhook_url: WEBHOOK });
    const { deliveries } = await worker.json<{ deliveries: { url: string; kind: string }[] }>(
      "GET",
      "/webhooks/deliveries",
      { key },
    );
    expect(Object.fromEntries(deliveries.map(({ kind, url }) => [kind, url]))).toEqual({
      webhook: WEBHOOK,
      slack: SLACK,
    });
    expect(await worker.json("GET", "/user/webhooks", { key })).toMatchObject({
      endpoints: [{ url: WEBHOOK }],
    });
    expect(await worker.json("GET", "/user/slack", { key })).toMatchObject({ webhook_url: SLACK });
    expect(await worker.json("GET", "/jobs", { key })).toMatchObject({ jobs: [{ url: SOURCE }] });

    const again = await worker.json<{ job_id: string }>("POST", `/jobs/${job_id}/retry`, { key });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ job_id: again.job_id, url: SOURCE });
    expect(await worker.job(key, again.job_id)).toMatchObject({ url: SOURCE, webhook_url: WEBHOOK });
    expect(await atRest()).not.toContain("canary");
  });

  it("of a list, its entries and its batch", async () => {
    const entry = (index: number) => ({
      url: `${SOURCE}${index}`,
      sourceId: null,
      title: null,
      description: null,
      releaseDate: null,
      skipped: null,
      mediaUrl: `https://cdn.example.com/${index}.mp3?token=canary-enclosure`,
    });
    worker.onListing = () => ({ kind: "playlist", title: null, entries: [0, 1, 0].map(entry) });
    const body = { url: LIST, batch: true, webhook_url: WEBHOOK };
    const headers = { "x-idempotency-key": "list" };
    const response = await worker.json<{ batch_id: string; video_jobs: string[] }>("POST", "/jobs", {
      key,
      body,
      headers,
    });
    expect(await atRest()).not.toContain("canary");
    expect(await worker.json("GET", `/batch/${response.batch_id}`, { key })).toMatchObject({
      show_url: LIST,
    });
    await worker.consumeDispatchQueue();
    expect(new Set(worker.network.runs.map(({ url }) => url))).toEqual(
      new Set([0, 1].map((index) => entry(index).mediaUrl)),
    );
    expect(await worker.job(key, response.video_jobs[1] ?? "")).toMatchObject({
      url: entry(1).url,
      webhook_url: WEBHOOK,
    });
    await fail();
    expect(await atRest()).not.toContain("canary");
    expect(JSON.stringify(worker.network.posts.map((post) => post.body))).not.toContain("canary");
  });
});

describe("rows of a former version", () => {
  /** Puts rows back into their former form. */
  async function makeFormer(): Promise<void> {
    const run = (sql: string, ...values: unknown[]) =>
      env.DB.prepare(sql)
        .bind(...values)
        .run();
    const echo = JSON.stringify(request);
    await run(
      "update jobs set url = ?, request = ?, sealed_urls = null, sealed_webhook_url = null, sealing_key_id = ''",
      SOURCE,
      echo,
    );
    await run("update accounts set slack_url = ?, sealed_slack_url = null", SLACK);
    await run(
      "update webhook_deliveries set url = iif(kind = 'slack', ?, ?), sealed_url = null, body = ?",
      SLACK,
      WEBHOOK,
      JSON.stringify({ type: "job_warning", url: SOURCE }),
    );
    await run("update webhook_endpoints set url = ?, sealed_url = null", WEBHOOK);
  }

  it("work as they are, and contain nothing in clear text after a reseal", async () => {
    await worker.call("POST", "/user/slack", { key, body: { webhook_url: SLACK } });
    const { job_id } = await worker.json<{ job_id: string }>("POST", "/jobs", { key, body: request });
    await worker.consumeDispatchQueue();
    await fail();
    await makeFormer();
    expect(await atRest()).toContain("canary");

    expect(await worker.job(key, job_id)).toMatchObject({ url: SOURCE, webhook_url: WEBHOOK });
    const retry = async () => {
      await worker.call("POST", `/jobs/${job_id}/retry`, { key });
      await worker.consumeDispatchQueue();
      return worker.network.run.url;
    };
    expect(await retry()).toBe(SOURCE);

    expect(await worker.operator("POST", "/admin/reseal")).toMatchObject({ unreadable: 0, done: true });
    expect(await atRest()).not.toContain("canary");
    expect(await worker.operator("POST", "/admin/reseal")).toMatchObject({ resealed: 0, done: true });
    const job = await worker.json<Job>("GET", `/jobs/${job_id}`, { key });
    expect(job).toMatchObject({ url: SOURCE, webhook_url: WEBHOOK });
    expect(await worker.json("GET", "/user/slack", { key })).toMatchObject({ webhook_url: SLACK });
    expect(await worker.json("GET", "/user/webhooks", { key })).toMatchObject({
      endpoints: [{ url: WEBHOOK }],
    });
    expect(await retry()).toBe(SOURCE);
  });

  it("are sealed again with a newer key, and one account's value cannot be opened for another", async () => {
    const { job_id } = await worker.json<{ job_id: string }>("POST", "/jobs", { key, body: request });
    const next = `next:${btoa(String.fromCharCode(...new Uint8Array(32).fill(7)))}`;
    const both = new Harness({ SEALING_KEYS: `${next},${String(env.SEALING_KEYS)}` });
    expect(await both.operator("POST", "/admin/reseal")).toMatchObject({ key_id: "next", unreadable: 0 });
    const rotated = new Harness({ SEALING_KEYS: next });
    expect(await rotated.job(key, job_id)).toMatchObject({ url: SOURCE, webhook_url: WEBHOOK });

    const other = await worker.account();
    const theirs = await rotated.json<{ job_id: string }>("POST", "/jobs", {
      key: other.key,
      body: { url: LIST },
    });
    await env.DB.prepare(
      "update jobs set sealed_urls = (select sealed_urls from jobs where id = ?) where id = ?",
    )
      .bind(job_id, theirs.job_id)
      .run();
    const view = await rotated.job(other.key, theirs.job_id);
    expect(view.url).toBe("https://lists.example.com/list?key=***");
    expect(id).not.toBe(other.id);
  });
});
