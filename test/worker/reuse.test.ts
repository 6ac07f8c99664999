import { beforeEach, describe, expect, it } from "vitest";
import type { Job } from "../../schema/api/job.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { dispatchJob } from "../../worker/services/runs/dispatcher.ts";
import { delivery, failed } from "./support/delivery.ts";
import { env } from "./support/env.ts";
import { Harness } from "./support/harness.ts";
import { s3 } from "./support/storages.ts";

/** What the Worker knows of files that the account has already, and when it lets a run copy one. */

const HOUR = 60 * 60_000;
const URL = "https://media.example.com/talk.mp4";

let worker: Harness;
let account: { id: string; key: string };

beforeEach(async () => {
  for (const table of ["jobs", "job_media", "job_credentials", "storage_configs"])
    await env.DB.exec(`delete from ${table}`);
  worker = new Harness({ REUSE_HOURS: "24" });
  account = await worker.account();
});

const start = (request: object = {}, key = account.key): Promise<RunRequest> =>
  worker.start(key, { url: URL, ...request });
const outcome = (change: Partial<Delivery>) => ({
  outcome: { type: "completed", delivery: { ...delivery, ...change } },
});
const known = (change: Partial<Delivery["source"]> = {}): Delivery["source"] => ({
  ...{ media: "Example 1", name: "A title [abc]", version: null },
  ...change,
});

/** Ends a run as a processor does. */
async function finish(run: RunRequest, change: Partial<Delivery> = {}): Promise<void> {
  const key = change.key ?? `${run.key_prefix.base_folder}/${run.filename ?? "A title [abc]"}.mp4`;
  await worker.report(run, "upload", { key, ref: "u" });
  expect((await worker.report(run, "publish")).status).toBe(200);
  const { status } = await worker.report(run, "outcome", outcome({ key, source: known(), ...change }));
  expect(status).toBe(200);
}
const deliver = async (request: object = {}, change: Partial<Delivery> = {}): Promise<RunRequest> => {
  const run = await start(request);
  await finish(run, change);
  return run;
};
/** The job whose file the run of a new job may copy; undefined if it must not ask at all. */
const offered = async (request: object = {}, key = account.key): Promise<string | null | undefined> => {
  const run = await start(request, key);
  await worker.call("DELETE", `/jobs/${run.job_id}`, { key });
  return run.reuse === undefined ? undefined : (run.reuse.file?.job_id ?? null);
};

describe("a file that an earlier job delivered", () => {
  it("is offered to the run of the next job for the same media, with everything that was reported", async () => {
    const first = await deliver({}, { subtitles: [{ language: "en", key: "videos/a.en.vtt" }] });
    const { reuse } = await start();
    expect(reuse?.file).toMatchObject({
      ...{ job_id: first.job_id, recent: true },
      delivery: {
        ...{ file_size: delivery.file_size, sha256: delivery.sha256, title: delivery.title },
        ...{
          duration: delivery.duration,
          description: delivery.description,
          release_date: delivery.release_date,
        },
        ...{ native_video_codec: "h264", native_audio_codec: "aac", actual_quality: "1080p" },
        ...{ actual_audio_language: "en", audio_languages: ["en", "de"], adjustments: delivery.adjustments },
        ...{ subtitles: [{ language: "en", key: "videos/a.en.vtt" }], source: known() },
      },
    });
  });

  it.each([
    [
      "another folder, name and webhook",
      { folder: "other", filename: "mine", webhook_url: "https://hooks.example.com/in" },
    ],
    ["options that say what is the default", { format: "mp4", audio_only: false, download_subtitles: false }],
    ["other metadata", { metadata: { team: "a" }, max_retry_hours: 3 }],
  ])("is offered to a request with %s", async (_, request) => {
    const first = await deliver();
    expect(await offered(request)).toBe(first.job_id);
  });

  it.each([
    ["another address", { url: `${URL}?v=2` }],
    ["another format", { format: "mkv" }],
    ["a clip", { clip_start: 1 }],
    ["subtitles", { download_subtitles: true }],
    ["a thumbnail", { download_thumbnail: true }],
  ])("is not offered to a request for %s", async (_, request) => {
    await deliver();
    expect(await offered(request)).toBeNull();
  });

  it.each([
    ["says never", { reuse: "never" }],
    ["brings its storage", { storage: s3 }],
    ["records a live stream", { live_recording: true }],
  ])("is neither offered nor remembered where the request %s", async (_, request) => {
    await deliver();
    expect(await offered(request)).toBeUndefined();
    await deliver({ url: `${URL}?b`, ...request });
    expect(await offered({ url: `${URL}?b` })).toBeNull();
  });

  it("is not offered for what was recorded, which reports no source", async () => {
    await deliver({}, { source: undefined, strategy: "live" });
    expect(await offered()).toBeNull();
  });

  it("is offered by every address of a YouTube video", async () => {
    const first = await deliver({ url: "https://www.youtube.com/watch?v=aqz-KE-bpKQ&t=5" });
    for (const url of ["https://youtu.be/aqz-KE-bpKQ?si=x", "https://m.youtube.com/shorts/aqz-KE-bpKQ"]) {
      expect(await offered({ url })).toBe(first.job_id);
    }
    expect(await offered({ url: "https://youtu.be/bqz-KE-bpKQ" })).toBeNull();
  });

  it("is offered only while it is new, unless its source states its version; a copy is as old as its original", async () => {
    const first = await deliver();
    worker.now += 23 * HOUR;
    const copy = await deliver(
      { filename: "copy" },
      { strategy: "copy", details: { copied_from: first.job_id } },
    );
    expect(await worker.job(account.key, copy.job_id)).toMatchObject({
      ...{ download_strategy: "copy", copied_from: first.job_id },
    });
    expect(await offered()).toBe(copy.job_id);
    worker.now += 2 * HOUR;
    expect(await offered()).toBeNull();
    const version = { etag: '"1"', last_modified: null, size: 1000 };
    const direct = await deliver({ url: `${URL}?d` }, { source: known({ version }) });
    worker.now += 100 * HOUR;
    const run = await start({ url: `${URL}?d` });
    expect(run.reuse?.file).toMatchObject({ job_id: direct.job_id, recent: false });
  });

  it("is not offered after it was deleted, expired, replaced by other media, or lost its subtitles", async () => {
    const named = { filename: "same" };
    const deleted = await deliver(named);
    worker.network.onStorage = () => new Response(null, { status: 204 });
    expect((await worker.call("DELETE", `/jobs/${deleted.job_id}/file`, { key: account.key })).status).toBe(
      200,
    );
    expect(await offered()).toBeNull();

    await deliver(named);
    await deliver({ ...named, url: `${URL}?other` });
    expect(await offered()).toBeNull();

    const subtitles = [{ language: "en", key: "videos/same.en.vtt" }];
    const asked = { ...named, download_subtitles: true };
    const first = await deliver(asked, { subtitles, subtitle_key: "videos/same.en.vtt" });
    expect(await offered({ download_subtitles: true })).toBe(first.job_id);
    await deliver(
      { url: `${URL}?other`, ...asked, format: "mkv" },
      { key: `${account.id}/videos/same.mkv`, subtitles, subtitle_key: "videos/same.en.vtt" },
    );
    expect(await offered({ download_subtitles: true })).toBeNull();

    await deliver();
    worker.now += 8 * 24 * HOUR;
    await worker.reconcile();
    expect(await offered()).toBeNull();
  });

  it("is not offered for another storage", async () => {
    await deliver();
    const { provider: _, ...body } = s3;
    worker.network.onStorage = () => new Response(null, { status: 200 });
    expect((await worker.call("POST", "/user/s3", { key: account.key, body })).status).toBe(200);
    expect(await offered()).toBeNull();
    const inOwn = await deliver();
    expect(await offered()).toBe(inOwn.job_id);
    expect((await worker.call("DELETE", "/user/s3", { key: account.key })).status).toBe(200);
    expect(await offered()).not.toBe(inOwn.job_id);
  });

  it("is the newest one, also where the same key was taken over again and again", async () => {
    const runs = [await deliver(), await deliver(), await deliver()];
    expect(await offered()).toBe(runs.at(-1)?.job_id);
    expect(await worker.job(account.key, runs[0]?.job_id ?? "")).toMatchObject({
      file_replaced_by: runs[1]?.job_id,
    });
  });

  it("is found by the site's name for the media, and by the bytes of what stayed as it was", async () => {
    const first = await deliver({ filename: "first" });
    const run = await start({ url: "https://short.example/x" });
    expect(run.reuse).toEqual({ file: null });
    const ask = async (asked: object) =>
      (await (await worker.report(run, "known", asked)).json<{ file: { job_id: string } | null }>()).file;
    expect(await ask({ media: "Example 1" })).toMatchObject({ job_id: first.job_id });
    expect(await ask({ media: "Example 2" })).toBeNull();
    expect(await ask({ sha256: delivery.sha256 })).toMatchObject({ job_id: first.job_id });
    expect(await ask({ sha256: "cd".repeat(32) })).toBeNull();
    await worker.report(run, "outcome", failed("unavailable"));
    expect((await worker.report(run, "known", { media: "Example 1" })).status).toBe(409);
  });

  it("is offered without a hash, if it has none", async () => {
    const first = await deliver({}, { sha256: null });
    expect(await worker.job(account.key, first.job_id)).toMatchObject({ status: "Completed", sha256: null });
    expect((await start()).reuse?.file).toMatchObject({ job_id: first.job_id, delivery: { sha256: null } });
  });

  it("is not found by its bytes if it was converted", async () => {
    await deliver({}, { strategy: "transcode" });
    const run = await start({ url: "https://short.example/x" });
    const response = await worker.report(run, "known", { sha256: delivery.sha256 });
    expect(await response.json()).toMatchObject({ file: null });
  });
});

describe("the permission to publish a copy", () => {
  const publish = async (run: RunRequest, copyOf: string) =>
    (await worker.report(run, "publish", { copy_of: copyOf })).json<{ status: string }>();

  it("is given while the file is the earlier job's", async () => {
    const first = await deliver({ filename: "first" });
    const run = await start({ filename: "second" });
    await worker.report(run, "upload", { key: `${account.id}/videos/second.mp4`, ref: "u" });
    expect(await publish(run, first.job_id)).toMatchObject({ status: "ok" });
    expect(await publish(run, first.job_id)).toMatchObject({ status: "ok" });
  });

  it("is given for the same key, and the file changes its owner", async () => {
    const first = await deliver({ filename: "same" });
    const run = await start({ filename: "same" });
    const key = `${account.id}/videos/same.mp4`;
    await worker.report(run, "upload", { key, ref: "link" });
    expect(await publish(run, first.job_id)).toMatchObject({ status: "ok" });
    const copied = {
      key,
      strategy: "copy",
      details: { copied_from: first.job_id },
      source: known(),
    } as const;
    await worker.report(run, "outcome", outcome(copied));
    expect(await worker.job(account.key, run.job_id)).toMatchObject({ status: "Completed", s3_key: key });
    expect(await worker.job(account.key, first.job_id)).toMatchObject({ file_replaced_by: run.job_id });
  });

  it.each(["deleted", "replaced", "being replaced"])(
    "is refused when the file was %s meanwhile",
    async (how) => {
      const first = await deliver({ filename: "first" });
      const run = await start({ filename: "second" });
      await worker.report(run, "upload", { key: `${account.id}/videos/second.mp4`, ref: "u" });
      worker.network.onStorage = () => new Response(null, { status: 204 });
      if (how === "deleted") await worker.call("DELETE", `/jobs/${first.job_id}/file`, { key: account.key });
      else if (how === "replaced") await deliver({ filename: "first", url: `${URL}?other` });
      else {
        const other = await start({ filename: "first", url: `${URL}?other` });
        await worker.report(other, "upload", { key: `${account.id}/videos/first.mp4`, ref: "o" });
        expect((await worker.report(other, "publish")).status).toBe(200);
      }
      expect(await publish(run, first.job_id)).toMatchObject({ status: "source_lost" });
      // it fetches the media instead
      expect((await worker.report(run, "publish")).status).toBe(200);
    },
  );

  it("is refused for another account's file", async () => {
    const other = await worker.account();
    const theirs = await worker.start(other.key, { url: URL, filename: "first" });
    await finish(theirs);
    const run = await start({ filename: "second" });
    await worker.report(run, "upload", { key: `${account.id}/videos/second.mp4`, ref: "u" });
    expect(await publish(run, theirs.job_id)).toMatchObject({ status: "source_lost" });
  });
});

describe("two jobs for the same media at the same time", () => {
  const twins = async (): Promise<{ run: RunRequest; waiting: string }> => {
    const run = await start();
    const waiting = await worker.create(account.key, { url: URL });
    await worker.consumeDispatchQueue();
    expect(runsOf(waiting)).toEqual([]);
    return { run, waiting };
  };
  const runsOf = (id: string) => worker.network.runs.filter(({ job_id }) => job_id === id);
  const job = (id: string): Promise<Job> => worker.job(account.key, id);

  it("share one run: the second waits for the first and copies its file", async () => {
    const { run, waiting } = await twins();
    expect(await job(waiting)).toMatchObject({ status: "Pending", attempt: 0, error_code: null });
    await finish(run);
    await worker.consumeDispatchQueue();
    expect(runsOf(waiting)).toMatchObject([{ attempt: 1, reuse: { file: { job_id: run.job_id } } }]);
  });

  it.each([
    ["fails", (run: RunRequest) => worker.report(run, "outcome", failed("unavailable"))],
    ["is cancelled", (run: RunRequest) => worker.call("DELETE", `/jobs/${run.job_id}`, { key: account.key })],
  ])("run one after the other if the first %s", async (_, end) => {
    const { run, waiting } = await twins();
    await end(run);
    await dispatchJob(worker.context(), waiting);
    expect(runsOf(waiting)).toMatchObject([{ reuse: { file: null } }]);
  });

  it("are due again after a while, whatever is lost", async () => {
    const { run, waiting } = await twins();
    const due = (await job(waiting)).next_try_at ?? 0;
    expect(due).toBeGreaterThan(worker.now);
    worker.now = due;
    await worker.consumeDispatchQueue();
    expect(runsOf(waiting)).toEqual([]);
    expect((await job(waiting)).next_try_at).toBeGreaterThan(worker.now);
    // the processor is gone: the lease of the first expires, and either of them runs then
    worker.now += 10 * 60_000;
    await worker.reconcile();
    await worker.consumeDispatchQueue();
    expect(worker.network.runs.at(-1)?.attempt).toBeGreaterThan(0);
    expect([run.job_id, waiting]).toContain(worker.network.runs.at(-1)?.job_id);
  });

  it("never wait for each other: one of any number runs, even if they are claimed at the same time", async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => worker.create(account.key, { url: URL })));
    worker.dispatchQueue.length = 0;
    await Promise.all(ids.map((id) => dispatchJob(worker.context(), id)));
    expect(worker.network.runs).toHaveLength(1);
    for (let ended = 0; ended < ids.length; ended++) {
      const run = worker.network.runs.at(-1);
      if (!run) throw new Error("no run");
      await worker.report(run, "outcome", failed("unavailable"));
      await worker.consumeDispatchQueue();
    }
    const ended = await Promise.all(ids.map((id) => job(id)));
    expect(ended.map(({ status }) => status)).toEqual(ids.map(() => "Warning"));
    expect(worker.network.runs).toHaveLength(5);
  });

  it("do not share what is not the same, and nothing with another account", async () => {
    await start();
    const other = await worker.account();
    expect(await start({ format: "mkv" })).toBeDefined();
    expect(await start({ reuse: "never" })).toBeDefined();
    expect(await start({}, other.key)).toMatchObject({ reuse: { file: null } });
  });

  it("leave a job that failed before to its own delay", async () => {
    const { run, waiting } = await twins();
    await worker.report(run, "outcome", failed("network"));
    await worker.consumeDispatchQueue();
    const [second] = runsOf(waiting);
    if (!second) throw new Error("the second did not run");
    const { next_try_at } = await job(run.job_id);
    expect(next_try_at).toBeGreaterThan(worker.now);
    await worker.report(second, "outcome", failed("unavailable"));
    expect((await job(run.job_id)).next_try_at).toBe(next_try_at);
  });
});

it("the option is echoed, and reported where it has no effect", async () => {
  const id = await worker.create(account.key, { url: URL, reuse: "never" });
  expect(await worker.job(account.key, id)).toMatchObject({ reuse: "never", copied_from: null });
  const refused = await worker.call("POST", "/jobs", {
    key: account.key,
    body: { url: URL, reuse: "maybe" },
  });
  expect(refused.status).toBe(400);
  const inline = await worker.create(account.key, { url: URL, reuse: "auto", storage: s3 });
  expect((await worker.job(account.key, inline)).adjustments).toContainEqual(
    expect.objectContaining({ field: "reuse", from: "auto", to: "never" }),
  );
});

it("what is known about the media of removed jobs is removed with them", async () => {
  await deliver();
  worker.now += 200 * 24 * HOUR;
  for (let round = 0; round < 5; round++) {
    await worker.reconcile();
    worker.now += 24 * HOUR;
  }
  const { results } = await env.DB.prepare("select count(*) as rows from job_media").all();
  expect(results).toEqual([{ rows: 0 }]);
});
