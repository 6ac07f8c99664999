import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitManifest } from "../../bin/bench/split-manifest.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { Deliveries } from "../support/delivered.ts";
import { describedPage } from "../support/html-pages.ts";
import { media, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

const SECONDS = 6;
/** Several parts of an upload. */
const LARGE = { seconds: SECONDS, videoBitrate: 30_000_000 };
const PICTURE = { videoRate: LARGE.videoBitrate, width: 320, height: 180 };

/** Pages with title, artist, date, chapters and a picture, and what they lead to. */
const DESCRIBED = [
  ["whole.html", "video.mpd"],
  ["segments.html", "dash/index.mpd"],
] as const;

let origin: Origin;
/** Its ffmpeg answers questions and makes nothing: what is delivered was made without it. */
let bench: ProcessorBench;
let usual: ProcessorBench;
let folder: string;
let tools: Tools;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "join-runs-"));
  const root = await mediaFolder({
    "video.mp4": ["video-mp4", LARGE],
    "fragments.mp4": ["video-fragments", LARGE],
    "audio.m4a": ["audio-m4a", { seconds: SECONDS }],
    dash: ["dash", LARGE],
    "poster.jpg": ["jpg", { width: 1280, height: 720 }],
  });
  origin = await startOrigin({ root });
  for (const video of ["video", "fragments", "strange", "changing"]) {
    const files = { video: `${video}.mp4`, audio: "audio.m4a", seconds: SECONDS };
    origin.put(`/${video}.mpd`, Buffer.from(splitManifest({ ...files, ...PICTURE })));
  }
  origin.put("/strange.mp4", await turningStrange());
  origin.put("/changing.mp4", await readFile(await media("video-mp4", LARGE)));
  for (const [page, media] of DESCRIBED) {
    origin.put(`/${page}`, Buffer.from(describedPage(origin.url, media)));
  }
  const idle = join(folder, "ffmpeg");
  await writeFile(idle, `#!/bin/sh\ncase "$*" in *-progress*) exit 1 ;; esac\nexec ffmpeg "$@"\n`);
  await chmod(idle, 0o755);
  [bench, usual] = await Promise.all([
    startProcessorBench([origin.host], { FFMPEG_PATH: idle }),
    startProcessorBench([origin.host]),
  ]);
  tools = await discoverTools(usual.config);
}, 60_000);

afterAll(async () => {
  await Promise.all([bench.close(), usual.close()]);
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

/** A film whose last fragment alone has something in it that is not known. */
async function turningStrange(): Promise<Buffer> {
  const film = Buffer.from(await readFile(await media("video-fragments", LARGE)));
  film.write("free", film.lastIndexOf("tfdt", undefined, "latin1"), "latin1");
  return film;
}

async function deliver(processor: ProcessorBench, ...args: Parameters<ProcessorBench["run"]>) {
  const deliveries = new Deliveries(processor);
  try {
    const { delivery, path, probed } = await deliveries.deliver(...args);
    expect(await processor.s3.unfinishedUploads()).toEqual([]);
    expect(await processor.leftovers()).toEqual([]);
    const proxy = { url: "http://127.0.0.1:9", blocked: () => [] };
    return { delivery, probed, facts: await probeMedia(path, { tools, cwd: folder, proxy }) };
  } finally {
    await deliveries.close();
  }
}

describe("picture and sound apart", () => {
  it.each([
    ["in whole files", "video.mpd", "mux"],
    ["in fragments", "fragments.mpd", "mux"],
    ["in segments", "dash/index.mpd", "dash"],
  ] as const)("become one file without a tool: %s", async (_, path, strategy) => {
    const { delivery, facts } = await deliver(bench, `${origin.url}/${path}`);
    expect(delivery).toMatchObject({ strategy, native_video_codec: "h264", native_audio_codec: "aac" });
    expect(delivery).toMatchObject({ actual_quality: "180p", adjustments: [] });
    expect(delivery.duration).toBeCloseTo(SECONDS, 0);
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
  });

  it.each(DESCRIBED)("have title, artist, date and chapters without a tool: %s", async (page) => {
    const { chapters, format } = (await deliver(bench, `${origin.url}/${page}`)).probed;
    expect(format.tags).toMatchObject({
      title: "A film; with # signs",
      artist: "An author",
      date: "2026-01-02",
    });
    expect(chapters.map(({ start_time, tags }) => [Number(start_time), tags?.title])).toEqual([
      [0, "First = one"],
      [1, "Second"],
    ]);
  });

  it("gives the sound with its cover", async () => {
    const { probed, delivery } = await deliver(usual, `${origin.url}/segments.html`, { audio_only: true });
    expect(delivery.key).toMatch(/\.m4a$/);
    const { chapters, streams } = probed;
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(["aac", "bin_data", "mjpeg"]);
    expect(chapters).toHaveLength(2);
  });

  it("gives the sound alone without a tool", async () => {
    const { delivery, facts } = await deliver(bench, `${origin.url}/dash/index.mpd`, { audio_only: true });
    expect(delivery.key).toMatch(/\.m4a$/);
    expect(facts).toMatchObject({ video: undefined, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
  });

  it("is made by the tool where something strange comes late", async () => {
    const { facts } = await deliver(usual, `${origin.url}/strange.mpd`);
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
    expect((await bench.run(`${origin.url}/strange.mpd`)).type).toBe("failed");
  });

  it("is not delivered when one of them changes meanwhile", async () => {
    origin.behave("/changing.mp4", { changeAt: 4 });
    const outcome = await bench.run(`${origin.url}/changing.mpd`);
    expect(outcome).toMatchObject({ type: "failed", code: "network" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
    expect(await bench.leftovers()).toEqual([]);
  });

  it("is not delivered when it is larger than the key allows", async () => {
    const limits = { max_filesize_bytes: 23_000_000, max_duration_seconds: null };
    const video = (await readFile(await media("video-fragments", LARGE))).length;
    expect(video).toBeLessThan(limits.max_filesize_bytes);
    const outcome = await bench.run(
      `${origin.url}/fragments.mpd`,
      {},
      { limits: { ...limits, max_filesize_bytes: video + 1000 } },
    );
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });

  it("is not delivered when the storage refuses it", async () => {
    const target = { ...bench.target, bucket: "no-such-bucket" } as typeof bench.target;
    const outcome = await bench.run(`${origin.url}/video.mpd`, {}, { target });
    expect(outcome).toMatchObject({ type: "failed", code: "upload_refused" });
    expect(await bench.leftovers()).toEqual([]);
  });
});
