import { afterAll, beforeAll, expect, it } from "vitest";
import type { Batch } from "../../schema/api/batch.ts";
import type { Job } from "../../schema/api/job.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { unfinishedUploads } from "../support/s3-server.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/** A batch from its request to its webhook event on the stack that `npm start` runs, though the processor dies in the middle. */

const JOBS = 12;

let origin: Origin;
let stack: TestStack;
let cron: NodeJS.Timeout;
let receiver: WebhookReceiver;

beforeAll(async () => {
  const root = await mediaFolder({ "film.mp4": ["mp4", { seconds: 4, width: 320, height: 180 }] });
  origin = await startOrigin({ root });
  receiver = await startWebhookReceiver();
  stack = await startTestStack({
    env: {
      ALLOWED_PRIVATE_HOSTS: `${origin.host},${receiver.host}`,
      LEASE_SECONDS: "4",
      HEARTBEAT_SECONDS: "1",
      BATCH_WINDOW: "5",
    },
  });
  // the cron's minute, shortened like the lease
  cron = setInterval(() => void stack.reconcile(), 1_000);
}, 120_000);

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([origin.close(), receiver.close()]);
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
  await stack.until(job_ids[0] ?? "", ({ progress }) => progress > 0);
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
      metadata: null,
    },
  ]);
}, 120_000);
