import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { discoverTools } from "../../processor/tools/discover.ts";
import { type MediaFacts, probeMedia } from "../../processor/tools/ffprobe.ts";
import type { MediaRequest } from "../../schema/media.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type DriveDouble, startDriveDouble } from "../support/drive/drive-double.ts";
import {
  type LiveStream,
  type LiveStreamOptions,
  liveRoot,
  startLiveStream,
} from "../support/live-origin.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** How long one second of the stream takes here: fast enough for a test, slow enough to be followed. */
const SECOND_MS = 150;

vi.setConfig({ testTimeout: 60_000 });

let origin: Origin;
let bench: ProcessorBench;
let folder: string;
let live: LiveStream;
let drive: DriveDouble;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "live-"));
  origin = await startOrigin({ root: await liveRoot() });
  drive = await startDriveDouble();
  bench = await startProcessorBench([origin.host, new URL(drive.origin).host], { LIVE_STALL_SECONDS: "2" });
}, 60_000);

afterEach(() => live.pause());

afterAll(async () => {
  await bench.close();
  await origin.close();
  await drive.close();
  await rm(folder, { recursive: true, force: true });
});

const start = async (options?: LiveStreamOptions): Promise<void> => {
  live = await startLiveStream(origin, options);
};

const recording = (change: Partial<RunRequest["recording"]> = {}) => ({
  recording: { asked: true, from_start: false, max_seconds: 3600, ...change },
});

async function submit(
  change: Partial<RunRequest> = recording(),
  request: MediaRequest = {},
): Promise<string> {
  return bench.submit(live.url, request, { filename: `live ${live.url.slice(-6, -5)}`, ...change });
}

async function delivered(jobId: string): Promise<{ delivery: Delivery; facts: MediaFacts; bytes: Buffer }> {
  const outcome = await bench.worker.outcome(jobId);
  if (outcome.type !== "completed") throw new Error(JSON.stringify([outcome, ...bench.logs]));
  const { delivery } = outcome;
  const bytes = await bench.object(delivery.key);
  if (!bytes) throw new Error("nothing was delivered");
  const path = join(folder, "delivered");
  await writeFile(path, bytes);
  const tools = await discoverTools(bench.config);
  const proxy = { url: "http://127.0.0.1:9", blocked: () => [] };
  return { delivery, facts: await probeMedia(path, { tools, cwd: folder, proxy }), bytes };
}

/** Resolves when the journal of a run contains this piece. */
async function written(jobId: string, piece: number, attempt = 1): Promise<void> {
  while ((await bench.object(`videos/.recordings/${jobId}/${attempt}/${piece}`)) === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function expectNothingLeft(jobId: string): Promise<void> {
  for (const attempt of [1, 2]) {
    for (const piece of [0, 1, 2, 5]) {
      expect(await bench.object(`videos/.recordings/${jobId}/${attempt}/${piece}`)).toBeNull();
    }
  }
  expect(await bench.s3.unfinishedUploads()).toEqual([]);
  expect(await bench.remainingFiles()).toEqual([]);
}

describe("a recording", () => {
  it("is delivered to Google Drive, which signs no links, and leaves no piece there", async () => {
    await start();
    live.air(5);
    const { clientEmail: client_email, privateKey: private_key, tokenUri: token_uri } = drive.account;
    const target = {
      ...({ provider: "gdrive", endpoint: drive.origin, folder_id: drive.folderId } as const),
      ...{ share_links: false, managed: false },
      service_account: { client_email, private_key, token_uri },
    };
    const id = await submit({ ...recording({ asked: false }), target });
    const piece = (number: number) =>
      drive.files.under(drive.folderId, `videos/.recordings/${id}/1/${number}`);
    for (const number of [1, 2]) {
      await expect.poll(() => piece(number), { timeout: 30_000, interval: 20 }).toHaveLength(1);
      live.air();
    }
    live.end();
    const outcome = await bench.worker.outcome(id);
    expect(outcome).toMatchObject({ type: "completed", delivery: { strategy: "live" } });
    const key = outcome.type === "completed" ? outcome.delivery.key : "";
    const [file] = drive.files.under(drive.folderId, key);
    expect(file?.content?.length).toBe(outcome.type === "completed" ? outcome.delivery.file_size : 0);
    expect([piece(0), piece(1), piece(2)]).toEqual([[], [], []]);
  });

  it("begins at the live point and ends with the stream", async () => {
    await start();
    live.air(5);
    const id = await submit({ ...recording({ asked: false }) });
    await written(id, 1);
    for (let i = 0; i < 3; i++) {
      live.air();
      await written(id, 2 + i);
    }
    live.end();
    const { delivery, facts, bytes } = await delivered(id);
    expect(delivery).toMatchObject({
      strategy: "live",
      native_video_codec: "h264",
      native_audio_codec: "aac",
    });
    expect(delivery.adjustments).toEqual([
      { field: "live_recording", from: false, to: true, reason: "The source is live" },
    ]);
    expect(facts.durationSeconds).toBeCloseTo(4, 0);
    expect(bytes.indexOf("moov", 0, "latin1")).toBeLessThan(bytes.indexOf("mdat", 0, "latin1"));
    await expectNothingLeft(id);
  });

  it("begins with what the playlist still holds when it should begin at the start", async () => {
    await start({ window: 8 });
    live.air(8);
    const id = await submit(recording({ from_start: true, max_seconds: 6 }));
    const { facts } = await delivered(id);
    expect(facts.durationSeconds).toBeGreaterThan(5);
  });

  it("of 20 seconds of a stream that runs for 60 has 20 seconds, give or take a segment", async () => {
    await start({ segments: 60, window: 60 });
    live.air(1);
    live.play(SECOND_MS);
    const id = await submit(recording({ max_seconds: 20 }));
    const { facts, delivery } = await delivered(id);
    expect(Math.abs((facts.durationSeconds ?? 0) - 20)).toBeLessThanOrEqual(1);
    expect(delivery.adjustments).toEqual([]);
  });

  it("ends with what was recorded when the source falls silent", async () => {
    await start();
    live.air(4);
    const id = await submit(recording({ from_start: true }));
    const { facts } = await delivered(id);
    expect(facts.durationSeconds).toBeCloseTo(4, 0);
  });

  it("reports what could not be fetched", async () => {
    await start({ window: 6 });
    live.air(6);
    const id = await submit(recording({ from_start: true, max_seconds: 30 }));
    await written(id, 6);
    // between two polls more passes than the playlist keeps
    live.air(10);
    await written(id, 8);
    live.end();
    const { delivery } = await delivered(id);
    expect(delivery.adjustments).toEqual([
      { field: "recording", from: 16, to: 12, reason: "4 s are missing: they could not be fetched" },
    ]);
  });

  it("waits for a segment that is listed before it is there", async () => {
    await start({ window: 6 });
    const late = live.paths[3] ?? "";
    origin.behave(late, { status: 404, times: 2 });
    live.air(6);
    const id = await submit(recording({ from_start: true, max_seconds: 5 }));
    const { delivery, facts } = await delivered(id);
    expect(delivery.adjustments).toEqual([]);
    expect(facts.durationSeconds).toBeCloseTo(5, 0);
    expect(origin.hits.get(late)).toBe(3);
  });

  it.each(["hls-fmp4", "hls-aes"] as const)("also accepts %s", async (kind) => {
    await start({ kind, window: 6 });
    live.air(6);
    const id = await submit(recording({ from_start: true, max_seconds: 5 }));
    const { facts, delivery } = await delivered(id);
    expect(delivery).toMatchObject({ native_video_codec: "h264", native_audio_codec: "aac" });
    expect(facts.durationSeconds).toBeCloseTo(5, 0);
  });

  it("joins separate video and audio", async () => {
    await start({ window: 6 });
    live.air(6);
    const master = [
      "#EXTM3U",
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,URI="${live.url}?sound"`,
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=320x180,AUDIO="sound"',
      `${live.url}?picture`,
    ];
    origin.put("/apart.m3u8", Buffer.from(master.join("\n")));
    const change = { ...recording({ from_start: true, max_seconds: 5 }), filename: "apart" };
    const id = await bench.submit(`${origin.url}/apart.m3u8`, {}, change);
    const { facts, delivery } = await delivered(id);
    expect(delivery).toMatchObject({ native_video_codec: "h264", native_audio_codec: "aac" });
    expect(facts.durationSeconds).toBeCloseTo(5, 0);
    expect([facts.video !== undefined, facts.audio !== undefined]).toEqual([true, true]);
  });

  it("is converted into the requested format", async () => {
    await start({ window: 4 });
    live.air(4);
    const id = await submit(recording({ from_start: true, max_seconds: 3 }), { format: "mp3" });
    const { facts } = await delivered(id);
    expect(facts).toMatchObject({ container: "mp3" });
    expect(facts.durationSeconds).toBeCloseTo(3, 0);
  });

  it("leaves nothing behind when its job is cancelled", async () => {
    await start();
    live.play(SECOND_MS);
    const id = await submit();
    await written(id, 3);
    // so that the Worker can delete what a run leaves behind when it dies
    expect(bench.worker.recordings).toContain(`videos/.recordings/${id}`);
    await bench.processor.runs.cancel(id);
    expect(bench.worker.published).not.toContain(id);
    await expectNothingLeft(id);
  });
});

describe("a recording that another run continues", () => {
  const successor = (id: string): Partial<RunRequest> => ({
    ...recording({ from_start: true, max_seconds: 12, key: `videos/.recordings/${id}` }),
    job_id: id,
    attempt: 2,
    predecessor: { claimed_at: Date.now(), upload: null },
  });

  it("contains what was on air before and after, and reports the gap", async () => {
    await start({ window: 5 });
    live.air(5);
    const id = await submit(recording({ from_start: true, max_seconds: 12 }));
    await written(id, 5);
    const taken = submit(successor(id));
    live.air(9);
    await taken;
    // its source, the gap, and what the playlist still held
    await written(id, 6, 2);
    live.air(2);
    const { facts, delivery } = await delivered(id);
    // the gap stays visible in the file
    expect(Math.abs((facts.durationSeconds ?? 0) - 16)).toBeLessThanOrEqual(1.1);
    expect(delivery.adjustments).toEqual([
      { field: "recording", from: 16, to: 12, reason: "4 s are missing: they could not be fetched" },
    ]);
    await expectNothingLeft(id);
  });

  it("is delivered even when the stream is gone", async () => {
    await start({ window: 5 });
    live.air(5);
    const id = await submit(recording({ from_start: true, max_seconds: 12 }));
    await written(id, 5);
    live.vanish();
    await submit(successor(id));
    const { facts, delivery } = await delivered(id);
    expect(facts.durationSeconds).toBeCloseTo(5, 0);
    expect(delivery.adjustments).toEqual([
      {
        field: "recording",
        from: null,
        to: 5,
        reason: "The recording was interrupted and the stream was over: what came between is missing",
      },
    ]);
  });
});
