import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedShow, RenamedJobs } from "../../schema/api/batch.ts";
import type { Job, JobList } from "../../schema/api/job.ts";
import { mediaFolder } from "../support/media.ts";
import { podcastShow } from "../support/podcast-shows.ts";
import { type RunningPodcastServices, startPodcastServices } from "../support/start-podcast-services.ts";
import { startTestStack, type TestStack } from "../support/test-stack.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../support/webhook-receiver.ts";

/**
 * A show from its listing to its last file, while everything dies: the Worker, and with it the object that drives the
 * batch, after each step of the flow and in the middle of the delivery; the processor twice.
 */

const show = podcastShow(142);
/** Removed from the service, or not in the open feed. */
const skipped = show.episodes.filter(({ removed, exclusive }) => removed || exclusive).length;

let podcasts: RunningPodcastServices;
let stack: TestStack;
let receiver: WebhookReceiver;
let cron: NodeJS.Timeout;

beforeAll(async () => {
  const folder = await mediaFolder({ "episode.mp3": ["audio-mp3", { seconds: 2 }] });
  podcasts = await startPodcastServices([show], Uint8Array.from(await readFile(join(folder, "episode.mp3"))));
  receiver = await startWebhookReceiver();
  stack = await startTestStack({
    env: {
      ...podcasts.services.variables,
      ALLOWED_PRIVATE_HOSTS: `${podcasts.host},${receiver.host}`,
      LEASE_SECONDS: "4",
      HEARTBEAT_SECONDS: "1",
      DRAIN_SECONDS: "0",
    },
  });
  // the cron's minute, shortened like the lease; nothing answers while the Worker is dead
  cron = setInterval(() => void stack.reconcile().catch(() => {}), 1_000);
}, 120_000);
vi.setConfig({ testTimeout: 600_000 });

afterAll(async () => {
  clearInterval(cron);
  await stack.stop();
  await Promise.all([podcasts.close(), receiver.close()]);
});

/** Everything that the Worker keeps outside the database is gone then, including the batch's object. */
async function evict(): Promise<void> {
  await stack.killWorker();
  await stack.restartWorker();
}

const read = async (id: string): Promise<Batch> => (await stack.call<Batch>("GET", `/batch/${id}`)).body;

/** Follows a batch until it satisfies the condition. */
async function until(id: string, condition: (batch: Batch) => boolean): Promise<Batch> {
  for (;;) {
    const batch = await read(id);
    if (condition(batch)) return batch;
    await Promise.race([receiver.next(), pause(1_000)]);
  }
}

async function jobsOf(id: string): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor = "";
  do {
    const { body } = await stack.call<z.output<typeof JobList>>(
      "GET",
      `/jobs?batch_id=${id}&limit=100${cursor}`,
    );
    jobs.push(...body.jobs);
    cursor = body.next_cursor === null ? "" : `&cursor=${body.next_cursor}`;
  } while (cursor !== "");
  return jobs;
}

it("delivers a show of 142 episodes, paused, renamed and started, no matter what dies meanwhile", async () => {
  const request = {
    ...{ url: podcasts.services.showUrl(show), paused: true, format: "mp3" },
    ...{ folder: "show", webhook_url: receiver.url },
  };
  const created = await stack.call<z.output<typeof CreatedShow>>("POST", "/jobs", request);
  expect(created.status).toBe(201);
  const { batch_id, episode_jobs, episodes } = created.body;
  expect(created.body).toMatchObject({ total_episodes: 142, paused: true });
  expect(episodes.map(({ job_id }) => job_id)).toEqual(episode_jobs);
  await evict();
  expect(await read(batch_id)).toMatchObject({
    ...{ status: "paused", show_url: request.url, folder: "show", episode_jobs, total_episodes: 142 },
    ...{ pending_episodes: 142 - skipped, skipped_episodes: skipped, processing_episodes: 0 },
  });

  const [first = "", second = "", , , third = ""] = episode_jobs;
  const renamed = await stack.call<z.output<typeof RenamedJobs>>("PATCH", `/batch/${batch_id}/jobs`, {
    renames: [
      { job_id: first, filename: "The first" },
      { job_id: second, filename: "the FIRST" },
      { job_id: third, filename: "../out" },
    ],
  });
  expect(renamed).toMatchObject({ status: 200, body: { updated: 1 } });
  expect(renamed.body.errors).toHaveLength(2);
  await evict();

  expect(await stack.call("POST", `/batch/${batch_id}/start`)).toMatchObject({
    status: 200,
    body: { batch_id, started_jobs: 142 - skipped, status: "processing" },
  });
  await evict();
  expect(await stack.call("POST", `/batch/${batch_id}/start`)).toMatchObject({
    status: 400,
    body: { error: "Batch is not paused (current status: processing)" },
  });
  expect(
    await stack.call("PATCH", `/batch/${batch_id}/jobs`, { renames: [{ job_id: second, filename: "x" }] }),
  ).toMatchObject({
    status: 400,
    body: { error: "Batch is not paused. Only paused batches can be renamed." },
  });

  await until(batch_id, ({ completed_episodes }) => completed_episodes >= 20);
  process.kill(await stack.processorPid(), "SIGKILL");
  await until(batch_id, ({ completed_episodes }) => completed_episodes >= 60);
  await evict();
  await until(batch_id, ({ completed_episodes }) => completed_episodes >= 100);
  process.kill(await stack.processorPid(), "SIGKILL");

  const over = await until(batch_id, ({ finished_at }) => finished_at !== null);
  expect(over).toMatchObject({
    ...{ status: "finished", completed_episodes: 142 - skipped, skipped_episodes: skipped },
    ...{ failed_episodes: 0, pending_episodes: 0, processing_episodes: 0, total_episodes: 142 },
  });
  const jobs = await jobsOf(batch_id);
  expect(new Set(jobs.map(({ id }) => id))).toEqual(new Set(episode_jobs));
  const count = (status: Job["status"]) => jobs.filter((job) => job.status === status).length;
  expect([count("Completed"), count("Skipped")]).toEqual([142 - skipped, skipped]);
  const delivered = jobs.filter(({ status }) => status === "Completed");
  expect(new Set(delivered.map(({ s3_key }) => s3_key)).size).toBe(delivered.length);
  expect(delivered.find(({ id }) => id === first)).toMatchObject({
    s3_key: "local/videos/show/The first.mp3",
  });

  // a webhook event claimed by a Worker that died is delivered once its claim has run out
  const events = () => new Map(receiver.received.map(({ eventId, content }) => [eventId, content]));
  await receiver.until(() => events().size >= 143);
  const reported = [...events().values()];
  expect(reported.filter(({ type }) => type === "batch_completed")).toEqual([
    expect.objectContaining({ batch_id, status: "finished", completed: 142 - skipped, skipped, total: 142 }),
  ]);
  expect(new Set(reported.map(({ job_id }) => job_id)).size).toBe(143);
  expect(reported).toHaveLength(143);
});
