import { beforeEach, describe, expect, it } from "vitest";
import type { z } from "zod";
import type { Batch, CreatedBulk, CreatedPlaylist, CreatedShow } from "../../schema/api/batch.ts";
import type { ErrorBody } from "../../schema/api/error.ts";
import type { JobList } from "../../schema/api/job.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { ApiError } from "../../worker/lib/api-error.ts";
import { type ListedEntry, type Listing, noEntries } from "../../worker/services/sources/listing/listing.ts";
import { completed, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { SECRETS, s3 } from "./support/storages.ts";

const GB = 1024 ** 3;
const list = "https://lists.example.com/album";
const hook = "https://hooks.example.com/in";

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

const entry = (index: number, facts: Partial<ListedEntry> = {}): ListedEntry => ({
  url: `https://lists.example.com/watch/${index}`,
  mediaUrl: null,
  sourceId: `id${index}`,
  title: `Part ${index}`,
  description: null,
  releaseDate: null,
  skipped: null,
  ...facts,
});
/** What is known of an episode with an open enclosure. */
const OPEN = {
  mediaUrl: "https://cdn.example.com/audio.mp3",
  description: "About it",
  releaseDate: "2026-11-01",
} as const;
const SPOTIFY_ID = "4rOoJ6Egrf8K2IrywzwOMk";
const entries = (count: number): ListedEntry[] => Array.from({ length: count }, (_, index) => entry(index));
const lists = (of: readonly ListedEntry[], facts: Partial<Listing> = {}): void => {
  const listing: Listing = { kind: "playlist", title: "An album", entries: of, ...facts };
  worker.onListing = () => listing;
};

type Bulk = z.output<typeof CreatedBulk>;
type Playlist = z.output<typeof CreatedPlaylist>;
const create = (body: object = {}, headers: Record<string, string> = {}) =>
  worker.json<Playlist>("POST", "/jobs", { key, body: { url: list, batch: true, ...body }, headers });
const urls = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ url: `https://media.example.com/${index}.mp4` }));
const bulk = (body: object, headers: Record<string, string> = {}) =>
  worker.json<Bulk>("POST", "/jobs/bulk", { key, body, headers });
const refusal = async (body: object): Promise<ErrorBody & { status: number }> => {
  const answer = await worker.call("POST", "/jobs/bulk", { key, body });
  return { ...(await answer.json<ErrorBody>()), status: answer.status };
};
const beat = (run: RunRequest, title: string) =>
  worker.call("POST", "/internal/heartbeat", {
    body: {
      v: 1,
      instance: "p",
      runs: [{ ...run, step: "Downloading", progress: 1, download_rate: null, title }],
    },
  });
const batch = (id: string) => worker.json<Batch>("GET", `/batch/${id}`, { key });
const count = async (table: string): Promise<number> => {
  const { results } = await env.DB.prepare(`select count(*) as n from ${table}`).all<{ n: number }>();
  return results[0]?.n ?? 0;
};
const names = async (): Promise<unknown[]> => {
  const { results } = await env.DB.prepare("select filename from jobs order by batch_index").all<{
    filename: string;
  }>();
  return results.map(({ filename }) => filename);
};

describe("a list", () => {
  it("becomes a batch whose jobs stand in its order, visible at once", async () => {
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
      kind: "playlist",
      show_url: list,
      title: "An album",
      status: "paused",
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

  it("of a show is told with what is known of its episodes, which the run does not know better", async () => {
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
    await worker.deliverHints();
    expect(worker.network.run).toMatchObject({ url: OPEN.mediaUrl, filename: "Part 0 [id0]" });
    await beat(worker.network.run, "audio");
    await worker.report(worker.network.run, "outcome", completed);
    expect(await worker.job(key, episode_jobs[0] ?? "")).toMatchObject({
      url: entry(0).url,
      title: "Part 0",
      description: "About it",
      release_date: "2026-11-01",
    });
  });

  it("takes title and date from the run where the list is a playlist, and keeps its own when the run has none", async () => {
    lists(entries(2));
    const { video_jobs } = await create();
    await worker.deliverHints();
    const [first, second] = worker.network.runs;
    if (!first || !second) throw new Error("nothing was handed over");
    await worker.report(first, "outcome", completed);
    await worker.report(second, "outcome", failed("private"));
    expect(await worker.job(key, video_jobs[0] ?? "")).toMatchObject({ title: "A title" });
    expect(await worker.job(key, video_jobs[1] ?? "")).toMatchObject({ title: "Part 1", status: "Warning" });
  });

  it("has entries without anything to deliver: their jobs end at once, are told and counted once", async () => {
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
    await worker.deliverNotices();
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

  it("of nothing but such entries is over at once, whether or not it was to be paused", async () => {
    lists([entry(0, { skipped: "entry_unavailable" })]);
    const { batch_id, paused } = await create({ paused: true, webhook_url: hook });
    expect(paused).toBe(false);
    expect(await batch(batch_id)).toMatchObject({ status: "finished", finished_at: worker.now });
  });

  it("without entries, or that takes too long, creates nothing", async () => {
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

describe("a single episode", () => {
  const url = `https://open.spotify.com/episode/${SPOTIFY_ID}`;
  const single = (body: object = {}) =>
    worker.json<{ job_id: string }>("POST", "/jobs", { key, body: { url, webhook_url: hook, ...body } });

  it("is a job that fetches the open enclosure, named after the episode unless the caller names it", async () => {
    lists([entry(0, { ...OPEN, url })], { kind: "spotify_show" });
    const { job_id } = await single({ paused: true });
    await single({ filename: "mine" });
    await worker.deliverHints();
    expect(worker.network.runs.map((run) => [run.url, run.filename])).toEqual([
      [OPEN.mediaUrl, "Part 0 [id0]"],
      [OPEN.mediaUrl, "mine"],
    ]);
    expect(await worker.job(key, job_id)).toMatchObject({
      url,
      title: "Part 0",
      release_date: "2026-11-01",
      batch_id: null,
      adjustments: [{ field: "paused" }],
    });
    await worker.report(worker.network.runs[0] ?? worker.network.run, "outcome", failed("private"));
    const retried = await worker.json<{ job_id: string }>("POST", `/jobs/${job_id}/retry`, { key });
    await worker.deliverHints();
    expect(worker.network.run).toMatchObject({ job_id: retried.job_id, url: OPEN.mediaUrl });
  });

  it("without an open feed is skipped at once and told once; a retry looks for the feed again", async () => {
    const limited = await worker.account({ storage_bytes: 10, max_concurrent_jobs: 1 });
    key = limited.key;
    lists([entry(0, { url, skipped: "no_open_feed" })]);
    const headers = { "x-idempotency-key": "k" };
    const post = () =>
      worker.json<{ job_id: string }>("POST", "/jobs", { key, body: { url, webhook_url: hook }, headers });
    const { job_id } = await post();
    await env.DB.exec("update idempotency_keys set status = null, body = null, lease_until = 0");
    expect(await post()).toEqual({ job_id });
    expect(await worker.job(key, job_id)).toMatchObject({ status: "Skipped", error_code: "no_open_feed" });
    expect(worker.hints).toEqual([]);
    expect(await count("webhook_deliveries where type = 'job_skipped'")).toBe(1);
    expect(await worker.json("GET", "/usage", { key })).toMatchObject({
      usage_count: 1,
      storage_reserved_gb: 0,
    });
    lists([entry(0, { ...OPEN, url })]);
    await worker.json("POST", `/jobs/${job_id}/retry`, { key });
    await worker.deliverHints();
    expect(worker.network.run.url).toBe(OPEN.mediaUrl);
  });

  it("may stand in a bulk request, where a show may not", async () => {
    lists([entry(0, { ...OPEN, url })]);
    const { job_ids } = await bulk({ jobs: [...urls(1), { url }] });
    await worker.deliverHints();
    expect(worker.network.run).toMatchObject({ job_id: job_ids[1], url: OPEN.mediaUrl });
    const show = { url: `https://open.spotify.com/show/${SPOTIFY_ID}` };
    expect(await refusal({ jobs: [...urls(1), show] })).toMatchObject({ issues: [{ path: "jobs.1.url" }] });
    worker.onListing = () => {
      throw new ApiError("invalid_request", { sentence: "This episode does not exist" });
    };
    expect(await refusal({ jobs: [...urls(2), { url }] })).toMatchObject({
      issues: [{ path: "jobs.2.url", message: "This episode does not exist" }],
    });
  });
});

describe("a bulk request", () => {
  it("becomes a batch with the shared options and each job's own name", async () => {
    const jobs = [...urls(2), { url: "https://media.example.com/b.mp4", filename: "mine" }];
    const created = await bulk({ jobs, format: "webm", video_codec: "h264", filename: null, batch: true });
    expect(created).toMatchObject({
      total_jobs: 3,
      paused: false,
      adjustments: [{ field: "video_codec", to: "vp9" }, { field: "batch" }],
    });
    expect(await batch(created.batch_id)).toMatchObject({
      kind: "bulk",
      show_url: null,
      status: "processing",
      episode_jobs: created.job_ids,
    });
    await worker.deliverHints();
    expect(worker.network.runs.map(({ url, filename }) => [url, filename])).toEqual([
      ["https://media.example.com/0.mp4", null],
      ["https://media.example.com/1.mp4", null],
      ["https://media.example.com/b.mp4", "mine"],
    ]);
    expect(await worker.job(key, created.job_ids[2] ?? "")).toMatchObject({
      url: "https://media.example.com/b.mp4",
      format: "webm",
      filename: "mine",
    });
  });

  it("is refused whole when one URL is bad, which is named", async () => {
    const bad = (url: unknown) => ({ jobs: [...urls(3), { url }, ...urls(2)] });
    for (const url of ["nonsense", "ftp://a.example/x", "http://127.0.0.1/x", "", null, undefined, 7]) {
      const refused = await refusal(bad(url));
      expect([refused.status, refused.issues?.[0]?.path]).toEqual([400, "jobs.3.url"]);
    }
    expect(await refusal({ jobs: [{ ...urls(1)[0], filename: "../x" }] })).toMatchObject({
      issues: [{ path: "jobs.0.filename" }],
    });
    expect(await count("jobs")).toBe(0);
  });

  it.each([
    ["no list", {}, "jobs"],
    ["an empty list", { jobs: [] }, "jobs"],
    ["too many jobs", { jobs: urls(101) }, "jobs"],
    ["an entry that is no object", { jobs: ["https://media.example.com/a.mp4"] }, "jobs.0"],
    ["a bad shared field", { jobs: urls(1), folder: "../up" }, "folder"],
    ["a private webhook", { jobs: urls(1), webhook_url: "http://10.0.0.1/" }, "webhook_url"],
    ["a clip without length", { jobs: urls(1), clip_start: 5, clip_end: 5 }, "clip_end"],
  ])("is refused for %s", async (_, body, path) => {
    expect(await refusal(body)).toMatchObject({ status: 400, issues: [{ path }] });
    expect(await count("batches")).toBe(0);
  });

  it("may be 512 KiB long and no longer", async () => {
    const long = (bytes: number) => JSON.stringify({ jobs: urls(100), x: "x".repeat(bytes) });
    const post = async (body: string) => (await worker.call("POST", "/jobs/bulk", { key, body })).status;
    expect(await post(long(500_000))).toBe(201);
    expect(await post(long(530_000))).toBe(413);
  });

  it("seals the storage that came with it for each job by itself, and for nobody else", async () => {
    const created = await bulk({ jobs: urls(30), storage: s3, paused: true });
    const { results } = await env.DB.prepare("select job_id, sealed from job_credentials").all<{
      job_id: string;
      sealed: string;
    }>();
    expect(results.map(({ job_id }) => job_id).toSorted()).toEqual(created.job_ids.toSorted());
    expect(new Set(results.map(({ sealed }) => sealed)).size).toBe(30);
    const stored = JSON.stringify([
      results,
      (await env.DB.prepare("select * from jobs").all()).results,
      (await env.DB.prepare("select * from batches").all()).results,
    ]);
    for (const secret of SECRETS) expect(stored).not.toContain(secret);
    await worker.call("POST", `/batch/${created.batch_id}/start`, { key });
    await worker.deliverHints();
    expect(worker.network.runs[7]?.target).toMatchObject({ bucket: s3.bucket, secret_key: s3.secret_key });
  });

  it("goes to the account's storage, and marketplaces must bring one", async () => {
    const { provider: _, ...settings } = s3;
    await worker.call("POST", "/user/s3", { key, body: settings });
    const { job_ids } = await bulk({ jobs: urls(2) });
    const { results } = await env.DB.prepare(
      "select distinct storage_source, storage_provider from jobs",
    ).all();
    expect(results).toEqual([{ storage_source: "account", storage_provider: "s3" }]);
    expect(job_ids).toHaveLength(2);
    const gateway = {
      "x-rapidapi-proxy-secret": "gateway-secret-of-the-tests",
      "x-rapidapi-user": "jane",
      "x-rapidapi-subscription": "PRO",
    };
    const refused = await worker.call("POST", "/jobs/bulk", { headers: gateway, body: { jobs: urls(1) } });
    expect(await refused.json()).toMatchObject({ code: "storage_required" });
  });
});

describe("names within a batch", () => {
  it("never meet: later ones are numbered, and told", async () => {
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

  it("are numbered where one name is asked for all, as long as a name may be", async () => {
    lists(entries(120));
    await create({ filename: "x".repeat(255), paused: true });
    const all = (await names()) as string[];
    expect(new Set(all).size).toBe(120);
    expect(Math.max(...all.map((name) => name.length))).toBe(255);
    expect(all[119]).toBe(`${"x".repeat(249)} (120)`);
  });

  it("come from the list's titles, and an item that stands twice gets two", async () => {
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

describe("a quota", () => {
  it("takes a batch whole or not at all", async () => {
    const limited = await worker.account({ storage_bytes: 10 * GB, max_filesize_bytes: GB });
    const post = (jobs: number) =>
      worker.call("POST", "/jobs/bulk", { key: limited.key, body: { jobs: urls(jobs), paused: true } });
    await env.DB.prepare("update accounts set limits = json_set(limits, '$.storage_bytes', 50) where id = ?")
      .bind(limited.id)
      .run();
    worker.now += 61_000;
    expect((await post(60)).status).toBe(403);
    expect(await count("jobs")).toBe(0);
    expect((await post(40)).status).toBe(201);
    const { results } = await env.DB.prepare("select sum(reserved_bytes) as held from jobs").all();
    expect(results).toEqual([{ held: 40 }]);
    expect((await post(11)).status).toBe(403);
    expect([await count("jobs"), await count("batches")]).toEqual([40, 1]);
  });

  it("does not count what a batch holds back as jobs at the same time", async () => {
    const limited = await worker.account({ max_concurrent_jobs: 2 });
    const created = await worker.json<Bulk>("POST", "/jobs/bulk", {
      key: limited.key,
      body: { jobs: urls(12), paused: true },
    });
    expect(created.total_jobs).toBe(12);
    const single = () =>
      worker.call("POST", "/jobs", { key: limited.key, body: { url: "https://media.example.com/a.mp4" } });
    expect((await single()).status).toBe(201);
    await worker.call("POST", `/batch/${created.batch_id}/start`, { key: limited.key });
    // one is left of the two
    expect((await single()).status).toBe(429);
    await worker.deliverHints();
    expect(worker.network.runs).toHaveLength(2);
    for (let ended = 0; ended < 13; ended++) {
      const run = worker.network.runs[ended];
      if (run) await worker.report(run, "outcome", completed);
      await worker.batches.ring();
      await worker.deliverHints();
    }
    expect(worker.network.runs).toHaveLength(13);
    const end = await worker.json<Batch>("GET", `/batch/${created.batch_id}`, { key: limited.key });
    expect(end).toMatchObject({ status: "completed", completed_episodes: 12 });
  });
});

describe("a request that is repeated", () => {
  const headers = { "x-idempotency-key": "k" };
  const forget = () => env.DB.exec("update idempotency_keys set status = null, body = null, lease_until = 0");

  it("is answered alike, and again after a Worker died before it kept the answer: one batch, the same ids", async () => {
    const body = { jobs: [...urls(3), ...urls(1)], paused: true };
    const { cached: _, ...first } = await bulk(body, headers);
    expect(await bulk(body, headers)).toEqual({ ...first, cached: true });
    await forget();
    expect(await bulk(body, headers)).toEqual(first);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 4]);
  });

  it("lists nothing a second time, and does not begin again what has begun", async () => {
    lists(entries(3));
    const first = await create({}, headers);
    lists(entries(9));
    await forget();
    expect(await create({}, headers)).toEqual(first);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 3]);
  });

  it("of two Workers at once makes one batch", async () => {
    lists(entries(5));
    const both = await Promise.all([create({ paused: true }, headers), create({ paused: true }, headers)]);
    expect(both.filter(({ batch_id }) => batch_id !== undefined)).toHaveLength(1);
    await forget();
    await Promise.all([create({ paused: true }, headers), create({ paused: true }, headers)]);
    expect([await count("batches"), await count("jobs")]).toEqual([1, 5]);
  });
});

describe("5,000 entries", () => {
  it("cost few statements and messages, whatever they bring along", { timeout: 120_000 }, async () => {
    const description = "About it. ".repeat(100);
    const all = entries(5_000).map((one, index) => ({
      ...one,
      description,
      skipped: index % 10 === 3 ? ("entry_unavailable" as const) : null,
    }));
    lists(all);
    await worker.call("GET", "/usage", { key });
    const statements: number[] = [];
    const { d1 } = worker.services;
    const session = d1.withSession.bind(d1);
    const counted = Object.assign(Object.create(d1), {
      withSession: (anchor: string) => {
        const inner = session(anchor);
        return {
          prepare: (query: string) => {
            statements.push(1);
            return inner.prepare(query);
          },
          batch: (list: D1PreparedStatement[]) => inner.batch(list),
          getBookmark: () => inner.getBookmark(),
        };
      },
    });
    Object.assign(worker.services, { d1: counted });
    const headers = { "x-idempotency-key": "k" };
    const created = await create({ webhook_url: hook, storage: s3, filename: "same" }, headers);
    expect(created.total_videos).toBe(5_000);
    expect(statements.length).toBeGreaterThan(5);
    expect(statements.length).toBeLessThanOrEqual(50);
    expect(worker.sends).toBeLessThanOrEqual(50);
    expect(await batch(created.batch_id)).toMatchObject({ skipped_episodes: 500, pending_episodes: 4_500 });
    // too long to be kept: it is told anew
    const again = await create({ webhook_url: hook, storage: s3, filename: "same" }, headers);
    expect(again).toEqual(created);
    expect(await count("jobs")).toBe(5_000);
    expect(await count("webhook_deliveries where kind = 'webhook'")).toBe(500);
    expect(worker.hints).toHaveLength(20);
  });
});
