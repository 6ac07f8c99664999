import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { MediaRequest } from "../../schema/media.ts";
import { type Delivered, Deliveries } from "../support/delivered.ts";
import { withCoverFirst, withDamage, withLostPacket } from "../support/differential/blemishes.ts";
import { makeFile, makeHls } from "../support/differential/make-files.ts";
import { measure, type Worth } from "../support/differential/measure.ts";
import { FPS, type RecipeName, recipeOf, SECONDS } from "../support/differential/recipes.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** Damaged sources are delivered as completely as they are, and what a file carries is kept. */

const run = promisify(execFile);

vi.setConfig({ testTimeout: 60_000 });

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;
let count = 0;

beforeAll(async () => {
  origin = await startOrigin({});
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
});

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

/** A delivery, and its quality for a viewer. */
interface Result extends Delivered {
  readonly worth: Worth;
}

async function deliver(path: string, request: MediaRequest = {}): Promise<Result> {
  const done = await deliveries.deliver(origin.url + path, request, { filename: `blemish ${++count}` });
  return { ...done, worth: await measure(done.path) };
}

/** Puts a file on the origin. @returns its path there */
async function file(name: RecipeName, change = (bytes: Buffer): Buffer => bytes): Promise<string> {
  const path = `/blemish-${++count}.${recipeOf(name).extension}`;
  origin.put(path, change(await readFile(await makeFile(name))));
  return path;
}

/** Puts pieces of HLS on the origin. @returns the playlist's path */
async function hls(change: (name: string, bytes: Buffer) => Buffer): Promise<string> {
  const folder = `/blemish-${++count}`;
  for (const [name, bytes] of await makeHls("mpegts")) origin.put(`${folder}/${name}`, change(name, bytes));
  return `${folder}/index.m3u8`;
}

const aboutSource = ({ delivery }: Result) => delivery.adjustments.filter(({ field }) => field === "source");
const FRAMES = SECONDS * FPS;

describe("a source with damage", () => {
  it("that lost a packet in transmission is delivered, with the damage in seconds", async () => {
    const done = await deliver(await hls((name, bytes) => (name === "1.ts" ? withLostPacket(bytes) : bytes)));
    expect(done.worth.seconds).toBeCloseTo(SECONDS, 0);
    expect(done.worth.frames).toBeGreaterThanOrEqual(FRAMES - FPS);
    expect(aboutSource(done)).toEqual([
      expect.objectContaining({
        to: "repaired",
        reason: expect.stringMatching(/^About [\d.]+ s of the source/),
      }),
    ]);
  });

  it("is repaired in the parts with their own clocks, and the others are not touched", async () => {
    const cut = (name: string, bytes: Buffer) => {
      if (name === "1.ts") return withLostPacket(bytes);
      if (name !== "index.m3u8") return bytes;
      return Buffer.from(bytes.toString().replace(/#EXTINF[^\n]*\n2\.ts/, "#EXT-X-DISCONTINUITY\n$&"));
    };
    const done = await deliver(await hls(cut));
    expect(done.worth.seconds).toBeCloseTo(SECONDS, 0);
    expect(done.worth.frames).toBeGreaterThanOrEqual(FRAMES - FPS);
    expect(aboutSource(done)).toEqual([
      expect.objectContaining({ reason: expect.stringMatching(/^About [\d.]+ s of the source are damaged/) }),
    ]);
  });

  it.each(["mp4, index in front", "mkv, H.264 and AAC"] as const)(
    "of %s is delivered where everything is encoded anyway",
    async (name) => {
      const done = await deliver(await file(name, (bytes) => withDamage(bytes, 60)), { format: "webm" });
      expect(done.worth).toMatchObject({ video: "vp9", audioTracks: 1, errors: 0 });
      expect(done.worth.seconds).toBeCloseTo(SECONDS, 0);
      expect(aboutSource(done)[0]?.reason).toMatch(/^About [\d.]+ s of the source are damaged/);
    },
  );

  it("is not reported as complete when most of it is damaged", async () => {
    const path = await file("mp4, index in front", (bytes) => withDamage(bytes, bytes.length));
    const failure = deliver(path, { format: "mkv" }).then(
      () => "completed",
      (error: Error) => error.message,
    );
    expect(await failure).toContain("truncated");
  });
});

describe("a file's own contents", () => {
  it.each(["m4a", "opus"])("of a podcast stay in %s: chapters, tags, cover", async (format) => {
    const { worth } = await deliver(await file("m4a, chapters and cover"), { format });
    expect(worth).toMatchObject({
      chapters: 3,
      artist: "Die Hosts",
      hasCover: true,
      seconds: expect.closeTo(4, 0),
    });
  });

  it("of a film stay: second languages and text", async () => {
    const { delivery, probed, worth } = await deliver(await file("mp4, two languages and text"));
    expect(worth).toMatchObject({ audioTracks: 2, languages: ["deu", "eng"], subtitles: 1, frames: FRAMES });
    expect(probed.streams.find(({ codec_type }) => codec_type === "subtitle")?.tags?.language).toBe("eng");
    expect(delivery.adjustments).toEqual([]);
  });

  it("of a film stay where there is room: the language of the audio that is kept", async () => {
    const { delivery, worth } = await deliver(await file("mp4, two languages and text"), { format: "m4a" });
    expect(worth.languages).toEqual(["eng"]);
    expect(delivery.actual_audio_language).toBe("en");
  });

  it("that a format cannot hold are reported", async () => {
    const { delivery, worth } = await deliver(await file("mkv, all that it can carry"), { format: "mov" });
    expect(worth).toMatchObject({ audioTracks: 2, subtitles: 2, chapters: 3 });
    expect(delivery.adjustments).toContainEqual(expect.objectContaining({ field: "cover", to: null }));
  });

  it("are not taken for the film: a cover that comes before it", async () => {
    const path = await file("mp4, chapters, tags and cover", withCoverFirst);
    for (const format of ["mp4", "mkv"]) {
      const { worth } = await deliver(path, { format });
      expect(worth).toMatchObject({ video: "h264", frames: FRAMES, chapters: 3, hasCover: true, errors: 0 });
    }
  });

  it("that are rotated are copied if the container keeps the rotation, and otherwise encoded upright", async () => {
    const path = await file("mp4, turned");
    const kept = await deliver(path);
    expect(kept.worth).toMatchObject({ isUpright: true, frames: FRAMES });
    const { delivery, probed } = await deliver(path, { format: "mkv" });
    expect(probed.streams[0]).toMatchObject({ width: 96, height: 160 });
    expect(delivery.adjustments).toContainEqual(
      expect.objectContaining({ field: "video_codec", from: "copy" }),
    );
  });
});

describe("AVI, which has no timestamps", () => {
  it("has its frames in display order", async () => {
    const { delivery, worth } = await deliver(await file("avi, H.264 out of order"));
    expect(worth).toMatchObject({ video: "h264", backwards: 0, errors: 0 });
    // its writer counts two frames that do not really exist
    expect(worth.frames).toBeGreaterThanOrEqual(FRAMES);
    expect(delivery.adjustments).toContainEqual(
      expect.objectContaining({ field: "video_codec", from: "copy" }),
    );
  });

  it("with Xvid is complete in mkv, and copied", async () => {
    const { delivery, worth } = await deliver(await file("avi, Xvid"), { format: "mkv" });
    expect(worth).toMatchObject({ video: "mpeg4", backwards: 0, seconds: expect.closeTo(SECONDS, 0) });
    expect(worth.frames).toBeGreaterThanOrEqual(FRAMES - 2);
    expect(delivery.strategy).not.toBe("transcode");
  });
});

describe("what was right stays right", () => {
  it("a browser's recording without a duration is complete", async () => {
    const { worth } = await deliver(await file("webm of a browser's recorder"));
    expect(worth.seconds).toBeCloseTo(SECONDS, 0);
    expect(worth.errors).toBe(0);
  });

  it("H.265 of a transport stream has the tag that Apple's players want", async () => {
    const { path, worth } = await deliver(await file("ts, H.265"));
    const tag = [
      "-v",
      "error",
      "-select_streams",
      "v",
      "-show_entries",
      "stream=codec_tag_string",
      "-of",
      "csv=p=0",
    ];
    expect((await run("ffprobe", [...tag, path])).stdout.trim()).toBe("hvc1");
    expect(worth).toMatchObject({ frames: FRAMES, errors: 0 });
  });

  it("names of segments may have spaces and umlauts", async () => {
    const pieces = await makeHls("mpegts");
    const folder = `/blemish-${++count}`;
    const odd = (name: string) => `Stück ${name}`;
    for (const [name, bytes] of pieces) origin.put(`${folder}/${odd(name)}`, bytes);
    const list = pieces.get("index.m3u8")?.toString() ?? "";
    origin.put(`${folder}/index.m3u8`, Buffer.from(list.replaceAll(/^\d\.ts$/gm, odd)));
    const { worth } = await deliver(`${folder}/index.m3u8`);
    expect(worth).toMatchObject({ frames: FRAMES, errors: 0 });
  });
});
