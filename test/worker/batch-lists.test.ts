import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedShow } from "../../schema/api/batch.ts";
import type { JobList } from "../../schema/api/job.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { ApiError } from "../../worker/lib/api-error.ts";
import {
  type ListedEntry,
  noEntries,
  type WholeList,
} from "../../worker/services/sources/listing/listing.ts";
import {
  type Bulk,
  count,
  entries,
  entry,
  hook,
  list,
  names,
  OPEN,
  type Playlist,
  SPOTIFY_ID,
} from "./support/batch-requests.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";

let worker: Harness;

let key: string;

beforeEach(async () => {
  for (const table of [
    "jobs",
    "batches",
    "webhook_deliveries",
    "job_credentials",
    "idempotency_keys",
    "usage",
  ]) {
    await env.DB.exec(`delete from ${table}`);
  }
  worker = new Harness();
  ({ key } = await worker.account());
});

const lists = (of: readonly ListedEntry[], facts: Partial<WholeList> = {}): void => {
  const listing: WholeList = { kind: "playlist", title: "An album", entries: of, ...facts };
  worker.onListing = () => listing;
};

const create = (body: object = {}, headers: Record<string, string> = {}) =>
  worker.json<Playlist>("POST", "/jobs", { key, body: { url: list, batch: true, ...body }, headers });

const bulk = (body: object, headers: Record<string, string> = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", { key, body, headers });

const heartbeat = (run: RunRequest, title: string) =>
  worker.call("POST", "/internal/heartbeat", {
    body: {
      v: 1,
      instance: "p",
      runs: [{ ...run, step: "Downloading", progress: 1, download_rate: null, title }],
    },
  });

const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });

describe("a list", () => {
  it("becomes a batch whose jobs are in its order and visible at once", async () => {
    lists(entries(3));
    const created = await create({ folder: "talks", paused: true, webhook_url: hook });
    expect(created).toMatchObject({
      total_videos: 3,
      paused: true,
      videos: entries(3).map(({ url, title }) => ({ url, title })),
      video_jobs: created.videos.map(({ job_id }) => job_id),
    });
    expect(await batch(created.batch_id)).toEqual({
      id: created.batch_id,
      metadata: null,
      kind: "playlist",
      show_url: list,
      title: "An album",
      status: "paused",
      list_complete: true,
      list_error: null,
      folder: "talks",
      total_episodes: 3,
      completed_episodes: 0,
      failed_episodes: 0,
      skipped_episodes: 0,
      processing_episodes: 0,
      pending_episodes: 3,
      episode_jobs: created.video_jobs,
      created_at: worker.now,
      started_at: null,
      finished_at: null,
    });
    const page = await worker.json<z.output<typeof JobList>>(
      "GET",
      `/jobs?batch_id=${created.batch_id.toUpperCase()}`,
      { key },
    );
    expect(page.jobs.map(({ id }) => id)).toEqual(created.video_jobs.toReversed());
    expect(page.jobs[0]).toMatchObject({ batch_id: created.batch_id, folder: "talks", title: "Part 2" });
  });

  it("of a show is reported with what is known of its episodes, which the run cannot know better", async () => {
    lists([entry(0, OPEN), entry(1, { description: "No feed", skipped: "no_open_feed" })], {
      kind: "spotify_show",
    });
    const created = await worker.json<z.output<typeof CreatedShow>>("POST", "/jobs", {
      key,
      body: { url: `https://open.spotify.com/show/${SPOTIFY_ID}`, folder: "pods" },
    });
    const { batch_id, episode_jobs } = created;
    expect(created).toEqual({
      batch_id,
      listing: false,
      total_episodes: 2,
      paused: false,
      episodes: [
        {
          job_id: episode_jobs[0],
          url: entry(0).url,
          title: "Part 0",
          description: "About it",
          release_date: "2026-11-01",
        },
        {
          job_id: episode_jobs[1],
          url: entry(1).url,
          title: "Part 1",
          description: "No feed",
          release_date: null,
        },
      ],
      episode_jobs,
    });
    expect(worker.listed).toEqual([{ type: "spotify_show", id: SPOTIFY_ID }]);
    expect(await batch(batch_id)).toMatchObject({ kind: "spotify_show", skipped_episodes: 1 });
    await worker.consumeDispatchQueue();
    expect(worker.network.run).toMatchObject({ url: OPEN.mediaUrl, filename: "Part 0 [id0]" });
    await heartbeat(worker.network.run, "audio");
    await worker.report(worker.network.run, "outcome", completed);
    expect(await worker.job(key, episode_jobs[0] ?? "")).toMatchObject({
      url: entry(0).url,
      title: "Part 0",
      description: "About it",
      release_date: "2026-11-01",
    });
  });

  it("takes title and date from the run if it is a playlist, and keeps its own where the run has none", async () => {
    lists(entries(2));
    const { video_jobs } = await create();
    await worker.consumeDispatchQueue();
    const [first, second] = worker.network.runs;
    if (!first || !second) throw new Error("nothing was handed over");
    await worker.report(first, "outcome", completed);
    await worker.report(second, "outcome", failed("private"));
    expect(await worker.job(key, video_jobs[0] ?? "")).toMatchObject({ title: "A title" });
    expect(await worker.job(key, video_jobs[1] ?? "")).toMatchObject({ title: "Part 1", status: "Warning" });
  });

  it("has entries with nothing to deliver: their jobs end at once, are reported and counted once", async () => {
    await worker.call("POST", "/user/slack", {
      key,
      body: { webhook_url: "https://hooks.example.com/slack" },
    });
    lists([entry(0), entry(1, { skipped: "entry_unavailable" }), entry(2, { skipped: "no_open_feed" })]);
    const created = await create({ webhook_url: hook, paused: true, storage: s3 });
    expect(await batch(created.batch_id)).toMatchObject({ skipped_episodes: 2, pending_episodes: 1 });
    expect(await worker.job(key, created.video_jobs[2] ?? "")).toMatchObject({
      status: "Skipped",
      step: "Finished",
      error_code: "no_open_feed",
      error_type: "warning",
      finished_at: worker.now,
    });
    await worker.consumeDeliveryQueue();
    expect(worker.network.posts.map(({ body }) => JSON.parse(body))).toEqual([
      expect.objectContaining({ type: "job_skipped", job_id: created.video_jobs[1] }),
      expect.objectContaining({ type: "job_skipped", job_id: created.video_jobs[2] }),
    ]);
    const { results } = await env.DB.prepare("select jobs from usage").all();
    expect(results).toEqual([{ jobs: 2 }]);
    const slack = await env.DB.prepare(
      "select count(*) as n from webhook_deliveries where kind = 'slack'",
    ).all();
    expect(slack.results).toEqual([{ n: 2 }]);
    expect(await count("job_credentials")).toBe(1);
  });

  it("with only such entries is finished at once, even if it was to be paused", async () => {
    lists([entry(0, { skipped: "entry_unavailable" })]);
    const { batch_id, paused } = await create({ paused: true, webhook_url: hook });
    expect(paused).toBe(false);
    expect(await batch(batch_id)).toMatchObject({ status: "finished", finished_at: worker.now });
  });

  it("creates nothing if it has no entries or takes too long", async () => {
    worker.onListing = () => {
      throw noEntries();
    };
    expect(await create()).toMatchObject({ code: "invalid_request", error: "This list has no entries" });
    worker.onListing = () => {
      throw new ApiError("expansion_timeout");
    };
    const late = await worker.call("POST", "/jobs", { key, body: { url: list, batch: true } });
    expect([late.status, await late.json()]).toMatchObject([504, { code: "expansion_timeout" }]);
    expect([await count("batches"), await count("jobs")]).toEqual([0, 0]);
  });
});

describe("names within a batch", () => {
  it("never collide: later ones are numbered, and that is reported", async () => {
    const wanted = ["talk", "Talk", "tälk", "ta\u0308lk", "talk (2)", null, "TALK"];
    const jobs = wanted.map((filename, index) => ({ url: `https://media.example.com/${index}`, filename }));
    const created = await bulk({ jobs, paused: true });
    expect(await names()).toEqual([
      "talk",
      "Talk (3)",
      "tälk",
      "ta\u0308lk (2)",
      "talk (2)",
      null,
      "TALK (4)",
    ]);
    expect(created.adjustments).toMatchObject([
      { field: "filename", from: "Talk", to: "Talk (3)" },
      { field: "filename", from: "ta\u0308lk", to: "ta\u0308lk (2)" },
      { field: "filename", from: "TALK", to: "TALK (4)" },
    ]);
    expect(await worker.job(key, created.job_ids[1] ?? "")).toMatchObject({
      filename: "Talk (3)",
      adjustments: [{ field: "filename", to: "Talk (3)" }],
    });
  });

  it("are numbered when all jobs ask for one name, even at its maximum length", async () => {
    lists(entries(120));
    await create({ filename: "x".repeat(255), paused: true });
    const all = (await names()) as string[];
    expect(new Set(all).size).toBe(120);
    expect(Math.max(...all.map((name) => name.length))).toBe(255);
    expect(all[119]).toBe(`${"x".repeat(249)} (120)`);
  });

  it("come from the list's titles, and an item that appears twice gets two", async () => {
    const twice = { ...entry(7), url: entry(7).url };
    const untitled = entry(8, { title: null });
    lists([twice, twice, untitled, untitled, entry(9, { title: "a/b: c?" })]);
    await create({ paused: true });
    expect(await names()).toEqual([
      "Part 7 [id7]",
      "Part 7 [id7] (2)",
      null,
      "lists.example.com watch 8 (2)",
      "a b c [id9]",
    ]);
  });
});
