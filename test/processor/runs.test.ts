import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { type MediaFacts, probeMedia } from "../../processor/tools/ffprobe.ts";
import { addressTag } from "../../schema/source-id.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let liars: readonly [Origin, Origin];
let bench: ProcessorBench;
let folder: string;
let tools: Tools;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "runs-"));
  const media = await mediaFolder({
    "direct.mp4": ["mp4"],
    "last.mp4": ["mp4-index-last"],
    "long.mp4": ["mp4", { seconds: 10 }],
    hls: ["hls-ts"],
    dash: ["dash"],
    "audio.mp3": ["audio-mp3"],
    "film.webm": ["webm"],
    "portrait.mp4": ["mp4", { width: 180, height: 320 }],
  });
  origin = await startOrigin({ root: media });
  // what is learned about a host affects the runs that follow
  liars = [await startOrigin({ root: media }), await startOrigin({ root: media })];
  bench = await startProcessorBench([origin.host, ...liars.map(({ host }) => host)]);
  tools = await discoverTools(bench.config);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await Promise.all([origin, ...liars].map((server) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

/** Runs to completion, checks what every delivery must satisfy, and probes the delivered bytes. */
async function deliver(
  ...args: Parameters<ProcessorBench["run"]>
): Promise<{ delivery: Delivery; facts: MediaFacts; bytes: Buffer; attempts: number | undefined }> {
  const outcome = await bench.run(...args);
  if (outcome.type !== "completed")
    throw new Error(`ended ${JSON.stringify(outcome)} ${JSON.stringify(bench.logs.at(-2))}`);
  const { delivery } = outcome;
  const bytes = await bench.object(delivery.key);
  if (!bytes) throw new Error(`no object under ${delivery.key}`);
  expect(bytes.length).toBe(delivery.file_size);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(delivery.sha256);
  const path = join(folder, `delivered-${delivery.sha256?.slice(0, 12)}`);
  await writeFile(path, bytes);
  const facts = await probeMedia(path, {
    tools,
    cwd: folder,
    proxy: { url: "http://127.0.0.1:9", blocked: () => [] },
  });
  expect(await bench.s3.unfinishedUploads()).toEqual([]);
  expect(await bench.remainingFiles()).toEqual([]);
  return { delivery, facts, bytes, attempts: outcome.attempts };
}

const indexOf = (bytes: Buffer, type: string): number => bytes.indexOf(type, 0, "latin1");

describe("a run", () => {
  it("passes a progressive file through unchanged", async () => {
    const { delivery, facts, attempts } = await deliver(`${origin.url}/direct.mp4`);
    expect(delivery).toMatchObject({
      strategy: "ranges",
      native_video_codec: "h264",
      native_audio_codec: "aac",
      actual_quality: "180p",
      adjustments: [],
      key: `videos/direct [direct-${await addressTag(`${origin.url}/direct.mp4`)}].mp4`,
    });
    expect(facts).toMatchObject({ container: "mp4" });
    expect(attempts).toBe(1);
    expect(delivery.timings).toMatchObject({
      ...{ mux_ms: null, subtitle_ms: null, cpu_wait_ms: null, io_wait_ms: null },
      ...{ precheck_ms: expect.any(Number), file_move_ms: expect.any(Number) },
      upload_wait_ms: expect.any(Number),
    });
    expect(delivery.timings.extract_ms).toBeGreaterThan(0);
  });

  it("gives two sources with the same file name two names, and one source the same name again", async () => {
    const keys = [];
    for (const path of ["/direct.mp4?a", "/direct.mp4?b", "/direct.mp4?a"]) {
      keys.push((await deliver(origin.url + path)).delivery.key);
    }
    expect(keys[0]).toMatch(/^videos\/direct \[direct-[0-9a-f]{8}\]\.mp4$/);
    expect(keys[1]).not.toBe(keys[0]);
    expect(keys[2]).toBe(keys[0]);
    const named = await deliver(`${origin.url}/direct.mp4`, {}, { filename: "mine" });
    expect(named.delivery.key).toBe("videos/mine.mp4");
  });

  it("puts the index in front where the source has it at the end", async () => {
    const { delivery, bytes } = await deliver(`${origin.url}/last.mp4`);
    expect(delivery.strategy).toBe("mux");
    expect(indexOf(bytes, "moov")).toBeLessThan(indexOf(bytes, "mdat"));
  });

  it("makes one file of HLS segments", async () => {
    const { delivery, facts, bytes } = await deliver(`${origin.url}/hls/index.m3u8`);
    expect(delivery).toMatchObject({
      strategy: "hls",
      native_video_codec: "h264",
      native_audio_codec: "aac",
    });
    expect(facts.durationSeconds).toBeCloseTo(3, 0);
    expect(indexOf(bytes, "moov")).toBeLessThan(indexOf(bytes, "mdat"));
  });

  it("joins the split streams of DASH", async () => {
    const { delivery, facts } = await deliver(`${origin.url}/dash/index.mpd`);
    expect(delivery.strategy).toBe("dash");
    expect(facts).toMatchObject({ video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(3, 0);
  });

  it("follows a page to its media and takes the page's title", async () => {
    const { delivery } = await deliver(`${origin.url}/page.html`);
    expect(delivery.title).not.toBe("page");
    expect(delivery.key).toContain(delivery.title?.slice(0, 5));
  });

  it("reads a source without ranges once, from its beginning", async () => {
    origin.behave("/direct.mp4", { noRanges: true });
    const { delivery } = await deliver(`${origin.url}/direct.mp4`);
    expect(delivery.strategy).toBe("sequential");
    origin.behave("/direct.mp4", {});
  });

  it("reports progress while it reads a source without ranges whose index is at the end", async () => {
    const path = "/last.mp4?slow";
    const size = Number((await fetch(origin.url + path, { method: "HEAD" })).headers.get("content-length"));
    origin.behave("/last.mp4", { noRanges: true, bytesPerSecond: size / 4 });
    const id = await bench.submit(origin.url + path);
    await bench.worker.heartbeat(id, ({ step, progress }) => step === "Downloading" && progress > 2);
    expect(await bench.worker.outcome(id)).toMatchObject({ type: "completed" });
    origin.behave("/last.mp4", {});
  });

  it("falls back to sequential reading when a source's ranges turn out wrong after a correct first one", async () => {
    liars[0].behave("/last.mp4", { lie: "late" });
    const { delivery, attempts } = await deliver(`${liars[0].url}/last.mp4`);
    expect([delivery.strategy, attempts]).toEqual(["sequential", 2]);
    liars[0].behave("/last.mp4", {});
  });

  it("transcodes only the stream that does not fit, and reports it", async () => {
    const { delivery, facts } = await deliver(`${origin.url}/film.webm`, { format: "mov" });
    expect(facts).toMatchObject({ container: "mov", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(delivery).toMatchObject({ strategy: "transcode", timings: { cpu_wait_ms: expect.any(Number) } });
    expect(delivery.adjustments.map(({ field, from, to }) => [field, from, to])).toEqual([
      ["video_codec", "vp9", "h264"],
      ["audio_codec", "opus", "aac"],
    ]);
  });

  it("extracts native audio without re-encoding it", async () => {
    const { delivery, facts } = await deliver(`${origin.url}/direct.mp4`, { audio_only: true });
    expect(delivery.key).toMatch(/\.m4a$/);
    expect(facts).toMatchObject({ video: undefined, audio: { codec: "aac" } });
    expect(delivery.adjustments).toEqual([]);
  });

  it("delivers an mp3 as it is and names no quality for it", async () => {
    const { delivery } = await deliver(`${origin.url}/audio.mp3`, { format: "mp3" });
    expect(delivery).toMatchObject({ strategy: "ranges", native_audio_codec: "mp3", actual_quality: null });
  });

  it("cuts a clip", async () => {
    const { facts } = await deliver(`${origin.url}/direct.mp4`, { clip_start: 1, clip_end: 2 });
    expect(facts.durationSeconds).toBeCloseTo(1, 0);
  });

  it("cuts a clip from a source whose ranges turn out to be wrong", async () => {
    // so long that the first response does not hold all that is needed
    liars[1].behave("/long.mp4", { lie: "late" });
    const { facts, delivery } = await deliver(`${liars[1].url}/long.mp4`, { clip_start: 7, clip_end: 8 });
    expect(facts.durationSeconds).toBeCloseTo(1, 0);
    expect(delivery.strategy).toBe("sequential");
    liars[1].behave("/long.mp4", {});
  });

  it("reports the shorter side of a portrait video", async () => {
    const { delivery } = await deliver(`${origin.url}/portrait.mp4`);
    expect(delivery.actual_quality).toBe("180p");
  });

  it("uses the caller's name and folder", async () => {
    const { delivery } = await deliver(
      `${origin.url}/direct.mp4`,
      {},
      {
        filename: "Grüße + mehr",
        key_prefix: { base_folder: "videos", folder: "a/b" },
      },
    );
    expect(delivery.key).toBe("videos/a/b/Grüße + mehr.mp4");
  });
});

describe("a run that cannot deliver", () => {
  it.each([
    ["/status/204", "unsupported_url"],
    ["/status/404", "unavailable"],
    ["/status/403", "forbidden"],
    ["/status/429", "rate_limited"],
    ["/empty.html", "unsupported_url"],
    ["/redirect?to=http://127.0.0.1:9/x.mp4", "egress_blocked"],
    ["/redirect?to=http://169.254.169.254/latest/meta-data", "egress_blocked"],
  ])("%s is %s", async (path, code) => {
    expect(await bench.run(`${origin.url}${path}`)).toMatchObject({ type: "failed", code });
  });

  it("detects that a file was cut off at its source", async () => {
    const whole = await bench.object(
      `videos/direct [direct-${await addressTag(`${origin.url}/direct.mp4`)}].mp4`,
    );
    origin.put("/cut.mp4", whole?.subarray(0, whole.length / 2) ?? Buffer.alloc(0));
    expect(await bench.run(`${origin.url}/cut.mp4`)).toMatchObject({ type: "failed", code: "truncated" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("refuses a clip that starts after the end", async () => {
    const outcome = await bench.run(`${origin.url}/direct.mp4`, { clip_start: 600 });
    expect(outcome).toMatchObject({ type: "failed", code: "clip_out_of_range" });
  });

  it("refuses a file over the limit before it reads it", async () => {
    const limits = { max_filesize_bytes: 1000, max_duration_seconds: null };
    const outcome = await bench.run(`${origin.url}/direct.mp4`, {}, { limits });
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
  });

  it("gives up midway when a file of unknown length grows over the limit", async () => {
    origin.behave("/last.mp4", { noLength: true, noRanges: true });
    const limits = { max_filesize_bytes: 5_000, max_duration_seconds: null };
    const outcome = await bench.run(`${origin.url}/last.mp4`, {}, { limits });
    origin.behave("/last.mp4", {});
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("gives up when media turns out to be longer than the limit and than it claims", async () => {
    const film = Buffer.from(await (await fetch(`${origin.url}/film.webm`)).arrayBuffer());
    // the element Duration of the header, a float of eight bytes, in milliseconds
    film.writeDoubleBE(500, film.indexOf("448988", "hex") + 3);
    origin.put("/modest.webm", film);
    const limits = { max_filesize_bytes: null, max_duration_seconds: 1 };
    const outcome = await bench.run(`${origin.url}/modest.webm`, { format: "mkv" }, { limits });
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });
});

describe("a run that is stopped", () => {
  it("publishes nothing and leaves nothing behind when its job was taken away in mid-download", async () => {
    origin.behave("/direct.mp4", { bytesPerSecond: 2_000 });
    const jobId = await bench.submit(`${origin.url}/direct.mp4`, {}, { filename: "stopped" });
    await origin.waitForHit("/direct.mp4");
    bench.worker.disown(jobId);
    await bench.processor.runs.cancel(jobId);
    origin.behave("/direct.mp4", {});
    expect(await bench.object("videos/stopped.mp4")).toBeNull();
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
    expect(await bench.remainingFiles()).toEqual([]);
  });

  it("publishes nothing if permission to publish is refused", async () => {
    bench.worker.failNext("publish", 409);
    const jobId = await bench.submit(`${origin.url}/direct.mp4`, {}, { filename: "refused" });
    await bench.processor.runs.finished(jobId);
    expect(await bench.object("videos/refused.mp4")).toBeNull();
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("repeats a report until the Worker accepts it", async () => {
    bench.worker.failNext("upload", 500);
    bench.worker.failNext("outcome", 503, 500);
    const outcome = await bench.run(`${origin.url}/direct.mp4`);
    expect(outcome.type).toBe("completed");
  });
});
