import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Batch } from "../../schema/api/batch.ts";
import type { Job } from "../../schema/api/job.ts";
import type { Subscription, SubscriptionRun } from "../../schema/api/subscriptions/subscription.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { unfinishedUploads } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/** A batch from its request to its webhook event on the stack that `npm start` runs, though the processor dies in the middle. */

const JOBS = 12;

let origin: Origin;
/** Serves a feed. */
let publisher: Origin;
const feedFolder = mkdtempSync(join(tmpdir(), "waterspout-feed-"));
let stack: TestStack;
let cron: NodeJS.Timeout;
let receiver: WebhookReceiver;

beforeAll(async () => {
  const root = await mediaFolder({ "film.mp4": ["mp4", { seconds: 4, width: 320, height: 180 }] });
  origin = await startOrigin({ root });
  publisher = await startOrigin({ root: feedFolder });
  receiver = await startWebhookReceiver();
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: `${origin.host},${publisher.host},${receiver.host}`,
      LEASE_SECONDS: "4",
      HEARTBEAT_SECONDS: "1",
      BATCH_WINDOW: "5",
    },
  });
  // the cron's minute, shortened like the lease; a Worker that was just killed has none
  cron = setInterval(() => void stack.reconcile().catch(() => undefined), 1_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([origin.close(), publisher.close(), receiver.close()]);
  rmSync(feedFolder, { recursive: true });
});

it("is paused, renamed, started and delivered completely, with exact counters and one webhook event", async () => {
  const { status, body: created } = await stack.call<{ batch_id: string; job_ids: string[] }>(
    "POST",
    "/jobs/bulk",
    {
      jobs: Array.from({ length: JOBS }, (_, index) => ({
        url: `${origin.url}/film.mp4?${index}`,
        filename: "film",
      })),
      folder: "season",
      webhook_url: receiver.url,
      paused: true,
    },
  );
  expect(status).toBe(201);
  const { batch_id, job_ids } = created;
  const path = `/batch/${batch_id}`;
  const batch = async () => (await stack.call<Batch>("GET", path)).body;
  expect(await batch()).toMatchObject({ status: "paused", pending_episodes: JOBS, episode_jobs: job_ids });

  const renames = [
    { job_id: job_ids[0], filename: "pilot" },
    { job_id: job_ids[1], filename: "film (3)" },
  ];
  const renamed = await stack.call<{ updated: number; errors: string[] }>("PATCH", `${path}/jobs`, {
    renames,
  });
  expect(renamed.body).toEqual({
    updated: 1,
    errors: [`${job_ids[1]}: another file of this batch has this name`],
  });

  origin.behave("/film.mp4", { bytesPerSecond: 20_000 });
  expect((await stack.call("POST", `${path}/start`)).body).toEqual({
    batch_id,
    started_jobs: JOBS,
    status: "processing",
  });
  // the first ones are in the middle of their download: each has reported its upload
  await Promise.all(job_ids.slice(0, 5).map((id) => stack.until(id, ({ progress }) => progress > 0)));
  expect((await batch()).processing_episodes).toBeLessThanOrEqual(5);
  process.kill(await stack.processorPid(), "SIGKILL");
  origin.behave("/film.mp4", {});

  const events = await fetch(`${stack.url}${path}/events`, { headers: { "x-api-key": stack.apiKey } });
  const text = await events.text();
  expect(text.match(/^event: job$/gm)?.length).toBe(JOBS);
  expect(text).toMatch(/event: status\nid: 13\ndata: .*"status":"completed"[^\n]*\n\n$/);

  expect(await batch()).toMatchObject({
    status: "completed",
    completed_episodes: JOBS,
    failed_episodes: 0,
    processing_episodes: 0,
    pending_episodes: 0,
  });
  const { body: list } = await stack.call<{ jobs: Job[] }>("GET", `/jobs?batch_id=${batch_id}&limit=100`);
  expect(list.jobs.map(({ status: end }) => end)).toEqual(Array(JOBS).fill("Completed"));
  expect(Math.max(...list.jobs.map(({ attempt }) => attempt))).toBeGreaterThan(1);
  const numbered = Array.from(
    { length: JOBS - 1 },
    (_, index) => `local/videos/season/film (${index + 2}).mp4`,
  );
  expect(list.jobs.map(({ s3_key }) => s3_key).toSorted()).toEqual(
    ["local/videos/season/pilot.mp4", ...numbered].toSorted(),
  );
  for (const { s3_url, file_size } of list.jobs) {
    expect((await (await fetch(s3_url ?? "")).arrayBuffer()).byteLength).toBe(file_size);
  }
  expect(await unfinishedUploads(stack.stateDir)).toEqual([]);

  await receiver.until(
    (received) =>
      received.length > JOBS && received.some(({ content }) => content.type === "batch_completed"),
  );
  const received = receiver.received.map(({ content }) => content);
  const ofType = (type: string) => received.filter((event) => event.type === type);
  expect(new Set(ofType("job_completed").map(({ job_id }) => job_id))).toEqual(new Set(job_ids));
  expect(ofType("batch_completed")).toEqual([
    {
      type: "batch_completed",
      batch_id,
      show_url: null,
      folder: "season",
      status: "completed",
      completed: JOBS,
      failed: 0,
      skipped: 0,
      total: JOBS,
      list_complete: true,
      metadata: null,
    },
  ]);
}, 120_000);

it("follows a feed: each new episode is delivered once, and a podcast app plays it from the bucket", async () => {
  const publish = (count: number) => {
    const items = Array.from({ length: count }, (_, index) => count - index).map(
      (number) =>
        `<item><title>Episode ${number}</title><guid>${number}</guid><pubDate>Tue, 0${number} Nov 2022 06:00:00 GMT</pubDate>
        <enclosure url="${origin.url}/film.mp4?episode=${number}" type="video/mp4" length="1"/></item>`,
    );
    const xml = `<rss version="2.0"><channel><title>A show</title>${items.join("")}</channel></rss>`;
    writeFileSync(join(feedFolder, "feed.xml"), xml);
  };
  publish(2);
  const { body: created } = await stack.call<Subscription>("POST", "/subscriptions", {
    url: `${publisher.url}/feed.xml`,
    backfill: { type: "last", count: 1 },
    folder: "{channel}",
    filename: "{episode} {title}",
  });
  const path = `/subscriptions/${created.id}`;
  const jobIds = async () => {
    const { body } = await stack.call<{ entries: { job_id: string | null }[] }>("GET", `${path}/entries`);
    return body.entries.flatMap(({ job_id }) => job_id ?? []);
  };
  const oneMore = async (known: number): Promise<readonly string[]> => {
    const ids = await jobIds();
    if (ids.length > known) return ids;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return oneMore(known);
  };
  const [first = ""] = await oneMore(0);
  const delivered = await stack.end(first);
  expect(delivered).toMatchObject({ status: "Completed", s3_key: "local/videos/A show/001 Episode 2.mp4" });

  publish(3);
  await stack.killWorker();
  await stack.restartWorker();
  // a source that was read a moment ago is not read again
  const found = async (): Promise<SubscriptionRun> => {
    const { body } = await stack.call<SubscriptionRun>("POST", `${path}/run`);
    return body.new_entries > 0 ? body : found();
  };
  expect(await found()).toMatchObject({ new_entries: 1, error: null });
  const second = (await oneMore(1)).find((id) => id !== first) ?? "";
  expect(await stack.end(second)).toMatchObject({ s3_key: "local/videos/A show/002 Episode 3.mp4" });

  const { feed_url, entries } = (await stack.call<Subscription>("GET", path)).body;
  expect(entries).toMatchObject({ seen: 1, delivered: 2 });
  const feed = await (await fetch(feed_url)).text();
  const enclosures = [...feed.matchAll(/<enclosure url="([^"]+)" length="(\d+)" type="video\/mp4"\/>/g)];
  expect(enclosures).toHaveLength(2);
  for (const [, url = "", length] of enclosures) {
    const file = await fetch(url.replaceAll("&amp;", "&"));
    expect((await file.arrayBuffer()).byteLength).toBe(Number(length));
  }
  expect((await stack.call("DELETE", path)).status).toBe(200);
}, 120_000);
