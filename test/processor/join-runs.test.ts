import { execFile } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { chmod, type FileHandle, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { splitManifest } from "../../bin/bench/pipeline/split-manifest.ts";
import { ServiceFault } from "../../processor/fault.ts";
import { FrontTooSmallError, JoinedMovie } from "../../processor/media/isobmff/joined-movie.ts";
import { WorkFolders } from "../../processor/run/work-folders.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import type { MediaRequest } from "../../schema/media.ts";
import { Deliveries } from "../support/delivered.ts";
import { type DriveDouble, startDriveDouble } from "../support/drive/drive-double.ts";
import { describedPage } from "../support/html-pages.ts";
import { media, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

const SECONDS = 6;
/** Large enough for several parts of an upload. */
const LARGE = { seconds: SECONDS, videoBitrate: 30_000_000 };
const VIDEO = { videoRate: LARGE.videoBitrate, width: 320, height: 180 };

/** Pages with title, artist, date, chapters and a thumbnail, and the media they lead to. */
const DESCRIBED = [
  ["whole.html", "video.mpd"],
  ["segments.html", "dash/index.mpd"],
] as const;

let origin: Origin;
/** Its ffmpeg answers queries and produces nothing: what is delivered was made without it. */
let bench: ProcessorBench;
let usual: ProcessorBench;
/** Its copies do not touch the disk, and its ffmpeg produces nothing, either. */
let diskless: ProcessorBench;
let drive: DriveDouble;
let folder: string;
let tools: Tools;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "join-runs-"));
  const root = await mediaFolder({
    "video.mp4": ["video-mp4", LARGE],
    "fragments.mp4": ["video-fragments", LARGE],
    "audio.m4a": ["audio-m4a", { seconds: SECONDS }],
    dash: ["dash", LARGE],
    hls: ["hls-ts", LARGE],
    "poster.jpg": ["jpg", { width: 1280, height: 720 }],
  });
  origin = await startOrigin({ root });
  for (const video of ["video", "fragments", "strange", "changing", "changed"]) {
    const files = { video: `${video}.mp4`, audio: "audio.m4a", seconds: SECONDS };
    origin.put(`/${video}.mpd`, Buffer.from(splitManifest({ ...files, ...VIDEO })));
  }
  origin.put("/strange.mp4", await turningStrange());
  for (const name of ["changing", "changed"]) {
    origin.put(`/${name}.mp4`, await readFile(await media("video-mp4", LARGE)));
  }
  for (const [page, media] of DESCRIBED) {
    origin.put(`/${page}`, Buffer.from(describedPage(origin.url, media)));
  }
  await putApart();
  const idle = join(folder, "ffmpeg");
  await writeFile(idle, `#!/bin/sh\ncase "$*" in *-progress*) exit 1 ;; esac\nexec ffmpeg "$@"\n`);
  await chmod(idle, 0o755);
  drive = await startDriveDouble();
  const hosts = [origin.host, new URL(drive.origin).host];
  [bench, usual, diskless] = await Promise.all([
    startProcessorBench([origin.host], { FFMPEG_PATH: idle }),
    startProcessorBench([origin.host]),
    startProcessorBench(hosts, { FFMPEG_PATH: idle, KEEP_COPIES_ON_DISK: "false" }),
  ]);
  tools = await discoverTools(usual.config);
}, 60_000);

afterAll(async () => {
  await Promise.all([bench, usual, diskless].map((each) => each.close()));
  await Promise.all([origin.close(), drive.close()]);
  await rm(folder, { recursive: true, force: true });
});

/** HLS with separate video and audio. */
async function putApart(): Promise<void> {
  const fragments = await media("video-fragments", LARGE);
  const audio = join(folder, "sound.mp4");
  await promisify(execFile)("ffmpeg", [
    ...["-nostdin", "-v", "error", "-i", await media("audio-m4a", { seconds: SECONDS }), "-c", "copy"],
    ...["-movflags", "+delay_moov+default_base_moof", "-frag_duration", "1000000", audio],
  ]);
  origin.put("/sound.mp4", await readFile(audio));
  origin.put("/apart/video.m3u8", fragmentsOf("fragments.mp4", await readFile(fragments)));
  origin.put("/apart/audio.m3u8", fragmentsOf("sound.mp4", await readFile(audio)));
  const lines = [
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="audio.m3u8"',
    '#EXT-X-STREAM-INF:BANDWIDTH=30000000,RESOLUTION=320x180,CODECS="avc1.42c00d,mp4a.40.2",AUDIO="a"',
    "video.m3u8",
  ];
  origin.put("/apart/index.m3u8", Buffer.from(["#EXTM3U", ...lines, ""].join("\n")));
}

/** A film with something unsupported in its last fragment only. */
async function turningStrange(): Promise<Buffer> {
  const film = Buffer.from(await readFile(await media("video-fragments", LARGE)));
  film.write("free", film.lastIndexOf("tfdt", undefined, "latin1"), "latin1");
  return film;
}

const playlist = (lines: readonly string[]): Buffer =>
  Buffer.from(["#EXTM3U", "#EXT-X-TARGETDURATION:6", ...lines, "#EXT-X-ENDLIST", ""].join("\n"));

/** A file as HLS offers it: what comes before the media, and the rest of it. */
function fragmentsOf(name: string, file: Buffer): Buffer {
  const front = file.indexOf("moof", 0, "latin1") - 4;
  return playlist([
    `#EXT-X-MAP:URI="../${name}",BYTERANGE="${front}@0"`,
    ...[`#EXTINF:${SECONDS},`, `#EXT-X-BYTERANGE:${file.length - front}@${front}`, `../${name}`],
  ]);
}

/** The segments next to a playlist, in their order. */
async function readSegments(folder: string): Promise<Buffer[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
  return Promise.all(names.map((name) => readFile(join(folder, name))));
}

async function deliver(processor: ProcessorBench, ...args: Parameters<ProcessorBench["run"]>) {
  const deliveries = new Deliveries(processor);
  try {
    const { delivery, path, probed } = await deliveries.deliver(...args);
    expect(await processor.s3.unfinishedUploads()).toEqual([]);
    expect(await processor.remainingFiles()).toEqual([]);
    const proxy = { url: "http://127.0.0.1:9", blocked: () => [] };
    return { delivery, probed, facts: await probeMedia(path, { tools, cwd: folder, proxy }) };
  } finally {
    await deliveries.close();
  }
}

describe("video and audio", () => {
  it.each([
    ["in whole files", "video.mpd", "mux"],
    ["in fragments", "fragments.mpd", "mux"],
    ["in segments", "dash/index.mpd", "dash"],
    ["in fragments of HLS", "apart/index.m3u8", "hls"],
    ["in one transport stream", "hls/index.m3u8", "hls"],
  ] as const)("become one file without ffmpeg: %s", async (_, path, strategy) => {
    const { delivery, facts } = await deliver(bench, `${origin.url}/${path}`);
    expect(delivery).toMatchObject({ strategy, native_video_codec: "h264", native_audio_codec: "aac" });
    expect(delivery).toMatchObject({ actual_quality: "180p", adjustments: [] });
    expect(delivery.duration).toBeCloseTo(SECONDS, 0);
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
  });

  it.each(DESCRIBED)("get title, artist, date and chapters without ffmpeg: %s", async (page) => {
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

  it("give the audio with its cover", async () => {
    const { probed, delivery } = await deliver(usual, `${origin.url}/segments.html`, { audio_only: true });
    expect(delivery.key).toMatch(/\.m4a$/);
    const { chapters, streams } = probed;
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(["aac", "bin_data", "mjpeg"]);
    expect(chapters).toHaveLength(2);
  });

  it.each(["dash/index.mpd", "hls/index.m3u8"])("give the audio alone without ffmpeg: %s", async (path) => {
    const { delivery, facts } = await deliver(bench, `${origin.url}/${path}`, { audio_only: true });
    expect(delivery.key).toMatch(/\.m4a$/);
    expect(facts).toMatchObject({ video: undefined, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
  });

  it("are muxed by ffmpeg when something unsupported comes late", async () => {
    const { facts } = await deliver(usual, `${origin.url}/strange.mpd`);
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
    expect((await bench.run(`${origin.url}/strange.mpd`)).type).toBe("failed");
  });

  it("are muxed by ffmpeg when a transport stream changes midway, within the same limit", async () => {
    const parts = await Promise.all(
      [LARGE, { ...LARGE, width: 640, height: 360 }].map(async (options) =>
        readSegments(dirname(await media("hls-ts", options))),
      ),
    );
    const [first = [], second = []] = parts;
    const names = [...first.slice(0, -1), second.at(-1) ?? Buffer.alloc(0)].map((bytes, index) => {
      origin.put(`/turning/${index}.ts`, bytes);
      return `${index}.ts`;
    });
    origin.put("/turning/index.m3u8", playlist(names.flatMap((name) => ["#EXTINF:1,", name])));
    const bytes = first.reduce((sum, { length }) => sum + length, second.at(-1)?.length ?? 0);
    const limits = { max_filesize_bytes: bytes, max_duration_seconds: null };
    const { facts } = await deliver(usual, `${origin.url}/turning/index.m3u8`, {}, { limits });
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    expect((await bench.run(`${origin.url}/turning/index.m3u8`)).type).toBe("failed");
  });

  it("blame the source when one of them changed meanwhile and reading it again fails", async () => {
    origin.behave("/changing.mp4", { changeAt: 4 });
    const outcome = await bench.run(`${origin.url}/changing.mpd`);
    expect(outcome).toMatchObject({ type: "failed", code: "network" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
    expect(await bench.remainingFiles()).toEqual([]);
  });

  it("are read again from the beginning when one of them changed meanwhile", async () => {
    origin.behave("/changed.mp4", { changeAt: 4 });
    const { delivery, facts } = await deliver(usual, `${origin.url}/changed.mpd`);
    expect(origin.hits.get("/changed.mp4")).toBeGreaterThan(4);
    expect(delivery).toMatchObject({ strategy: "sequential", adjustments: [] });
    expect(facts.durationSeconds).toBeCloseTo(SECONDS, 0);
  });

  it("are not delivered when the file is larger than the key allows", async () => {
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

  it("are not delivered when the storage refuses it", async () => {
    const target = { ...bench.target, bucket: "no-such-bucket" } as typeof bench.target;
    const outcome = await bench.run(`${origin.url}/video.mpd`, {}, { target });
    expect(outcome).toMatchObject({ type: "failed", code: "upload_refused" });
    expect(await bench.remainingFiles()).toEqual([]);
  });
});

describe("without a disk, video and audio", () => {
  afterEach(() => void vi.restoreAllMocks());

  const kept = new Map<string, ReturnType<typeof delivered>>();
  /** What the same source becomes with a disk. */
  const deliveredFromDisk = (...[url, request]: [url: string, request?: MediaRequest]) => {
    const name = JSON.stringify([url, request]);
    const known = kept.get(name) ?? delivered(bench, url, request);
    kept.set(name, known);
    return known;
  };

  /** The delivery of a run and its object. */
  async function delivered(processor: ProcessorBench, ...args: Parameters<ProcessorBench["run"]>) {
    const outcome = await processor.run(...args);
    if (outcome.type !== "completed") throw new Error(`ended ${JSON.stringify(outcome)}`);
    expect(await processor.s3.unfinishedUploads()).toEqual([]);
    expect(await processor.remainingFiles()).toEqual([]);
    return { delivery: outcome.delivery, object: await processor.object(outcome.delivery.key) };
  }

  /** Names of files that a run makes or changes in its folder. */
  async function filesOf(processor: ProcessorBench, run: () => Promise<unknown>): Promise<Set<string>> {
    const names = new Set<string>();
    const watcher: FSWatcher = watch(processor.config.workDir, { recursive: true });
    watcher.on("change", (_, path) => {
      const [top, , ...file] = String(path).split(sep);
      if (top === "runs" && file.length > 0) names.add(file.join(sep));
    });
    try {
      await run();
    } finally {
      watcher.close();
    }
    return names;
  }

  it.each([
    ["fragments", "fragments.mpd", {}],
    ["segments of DASH", "dash/index.mpd", {}],
    ["fragments of HLS", "apart/index.m3u8", {}],
    ["a transport stream", "hls/index.m3u8", {}],
    ["audio of a transport stream", "hls/index.m3u8", { audio_only: true }],
    ["segments with title and chapters", "segments.html", {}],
  ] as const)("are the same file as with one: %s", async (_, path, request) => {
    const url = `${origin.url}/${path}`;
    const kept = await deliveredFromDisk(url, request);
    const passed = await delivered(diskless, url, request);
    expect(passed.object?.equals(kept.object ?? Buffer.alloc(0))).toBe(true);
    const { sha256, timings, ...facts } = passed.delivery;
    expect(sha256).toBeNull();
    expect(kept.delivery.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(timings.mux_ms).toBeGreaterThanOrEqual(0);
    const { strategy, file_size, adjustments, duration, actual_quality } = kept.delivery;
    expect(facts).toMatchObject({ strategy, file_size, adjustments, duration, actual_quality });
  });

  it.each(["dash/index.mpd", "hls/index.m3u8"])("write no file: %s", async (path) => {
    const run = (processor: ProcessorBench) => () => delivered(processor, `${origin.url}/${path}`);
    expect(await filesOf(bench, run(bench))).toContain("joined.1.mp4");
    expect(await filesOf(diskless, run(diskless))).toEqual(new Set());
  });

  it("are kept on it for Google Drive, which takes parts in order", async () => {
    const { clientEmail: client_email, privateKey: private_key, tokenUri: token_uri } = drive.account;
    const target = {
      ...({ provider: "gdrive", endpoint: drive.origin, folder_id: drive.folderId } as const),
      ...{ share_links: false, managed: false },
      service_account: { client_email, private_key, token_uri },
    };
    const path = `${origin.url}/hls/index.m3u8`;
    const outcome = await diskless.run(path, {}, { target });
    const { object, delivery } = await deliveredFromDisk(path, {});
    expect(outcome).toMatchObject({ type: "completed", delivery: { sha256: delivery.sha256 } });
    const key = outcome.type === "completed" ? outcome.delivery.key : "";
    const [file] = drive.files.under(drive.folderId, key);
    expect(file?.content?.equals(object ?? Buffer.alloc(0))).toBe(true);
  });

  it("ask for permission to publish without a hash", async () => {
    const { delivery } = await delivered(diskless, `${origin.url}/hls/index.m3u8`);
    expect(delivery.sha256).toBeNull();
    const asked = diskless.worker.identities.filter(({ kind }) => kind === "publish").at(-1);
    expect(asked).toMatchObject({ sha256: undefined });
  });

  it("are read again if the room for the index was too small", async () => {
    const small = () => {
      throw new FrontTooSmallError(1000);
    };
    const path = `${origin.url}/hls/index.m3u8`;
    const objects: (Buffer | null)[] = [];
    for (const processor of [bench, diskless]) {
      vi.spyOn(JoinedMovie.prototype, "front").mockImplementationOnce(small);
      objects.push((await delivered(processor, path)).object);
    }
    const [file, passed] = objects;
    expect(passed?.equals(file ?? Buffer.alloc(0))).toBe(true);
    expect(passed?.length).toBeGreaterThan((await deliveredFromDisk(path, {})).object?.length ?? 0);
  });

  it("leave nothing when the run is cancelled midway", async () => {
    origin.put("/stuck/rest.ts", Buffer.alloc(0));
    origin.behave("/stuck/rest.ts", { hang: true });
    const [first = Buffer.alloc(0)] = await readSegments(dirname(await media("hls-ts", LARGE)));
    origin.put("/stuck/first.ts", first);
    const lines = ["#EXTINF:1,", "first.ts", "#EXTINF:1,", "rest.ts"];
    origin.put("/stuck/index.m3u8", playlist(lines));
    const id = await diskless.submit(`${origin.url}/stuck/index.m3u8`);
    await origin.waitForHit("/stuck/rest.ts");
    await diskless.processor.runs.cancel(id);
    expect(await diskless.remainingFiles()).toEqual([]);
    expect(await diskless.s3.unfinishedUploads()).toEqual([]);
  });

  it("are not delivered when the file is larger than the key allows", async () => {
    const size = (await readFile(await media("video-fragments", LARGE))).length;
    const limits = { max_filesize_bytes: size + 1000, max_duration_seconds: null };
    const outcome = await diskless.run(`${origin.url}/fragments.mpd`, {}, { limits });
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
    expect(await diskless.s3.unfinishedUploads()).toEqual([]);
  });

  it("are not delivered when the storage refuses it", async () => {
    const target = { ...diskless.target, bucket: "no-such-bucket" } as typeof diskless.target;
    const outcome = await diskless.run(`${origin.url}/hls/index.m3u8`, {}, { target });
    expect(outcome).toMatchObject({ type: "failed", code: "upload_refused" });
    expect(await diskless.remainingFiles()).toEqual([]);
  });

  it.each([
    ["too small for the file", () => refuseRoom({ transient: false })],
    ["full now", () => refuseRoom({})],
    ["full while the file is being written", failWrite],
  ])("are delivered when the disk is %s, and the job says that it has no hash", async (_, fill) => {
    const kept = await deliveredFromDisk(`${origin.url}/dash/index.mpd`, {});
    await fill();
    const { delivery, object } = await delivered(bench, `${origin.url}/dash/index.mpd`);
    expect(delivery).toMatchObject({
      sha256: null,
      adjustments: [{ field: "sha256", from: true, to: false, reason: expect.stringContaining("disk") }],
    });
    expect(object?.equals(kept.object ?? Buffer.alloc(0))).toBe(true);
  });
});

function refuseRoom({ transient }: { readonly transient?: boolean }): void {
  const full = new ServiceFault("disk_full", "as if the volume were too small", { transient });
  vi.spyOn(WorkFolders.prototype, "reserve").mockRejectedValueOnce(full);
}

/** As if others had filled the disk meanwhile. */
async function failWrite(): Promise<void> {
  const handle = await open(join(folder, "any"), "w");
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  const full = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  vi.spyOn(prototype, "write").mockRejectedValueOnce(full);
}
