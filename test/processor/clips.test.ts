import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boxAt, Deliveries, frameHash } from "../support/delivered.ts";
import { HTML_WITH_MEDIA } from "../support/html-pages.ts";
import { type MediaOptions, media, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** `WATERSPOUT_LARGE_CLIPS`: uses sources of 1 GiB each, and prints what a clip of them costs. */
const IS_LARGE = process.env.WATERSPOUT_LARGE_CLIPS !== undefined;
/** Ten minutes in 200 segments at the bit rate of real media: what a clip costs is a share, whatever the size. */
const LONG: MediaOptions = {
  ...{ seconds: 600, fps: 10, segmentSeconds: 3 },
  videoBitrate: IS_LARGE ? 14_300_000 : 800_000,
};
const SHORT: MediaOptions = { seconds: 12, segmentSeconds: 2 };
const MIDDLE = { clip_start: 301, clip_end: 311 };
/** The allowed share of the source's bytes, for ten seconds in the middle. */
const SHARE = 0.05;

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;
let short: string;

beforeAll(async () => {
  short = await media("mp4", SHORT);
  origin = await startOrigin({
    root: await mediaFolder({
      "long.mp4": ["mp4", LONG],
      "long-last.mp4": ["mp4-index-last", LONG],
      "long-hls": ["hls-ts", LONG],
      "long-dash": ["dash", LONG],
      "short.mp4": ["mp4", SHORT],
      "short.webm": ["webm", SHORT],
      "audio.m4a": ["audio-m4a", SHORT],
      hls: ["hls-ts", SHORT],
      "hls-fmp4": ["hls-fmp4", SHORT],
      "hls-byterange": ["hls-byterange", SHORT],
      "hls-aes": ["hls-aes", SHORT],
      dash: ["dash", SHORT],
    }),
  });
  for (const name of ["long", "long-last"]) {
    const page = HTML_WITH_MEDIA(origin.url).replaceAll("direct.mp4", `${name}.mp4`);
    origin.put(`/${name}.html`, Buffer.from(page));
  }
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
}, 600_000);

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

const seconds = (text: string | undefined): number => Number(text);
const sentBelow = (folder: string): number =>
  [...origin.bytes].filter(([path]) => path.startsWith(folder)).reduce((sum, [, bytes]) => sum + bytes, 0);

/** Size of a test source in bytes: of the file, or of everything next to its playlist. */
async function sizeOf(entry: string): Promise<number> {
  if (entry.endsWith(".mp4")) return (await stat(entry)).size;
  const names = await readdir(dirname(entry));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dirname(entry), name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe("ten seconds in the middle of ten minutes", () => {
  // a page in front: looking at a bare file is the extractor's job and costs the same whatever its size
  it.each([
    ["mp4", "/long.html", "/long.mp4"],
    ["mp4-index-last", "/long-last.html", "/long-last.mp4"],
    ["hls-ts", "/long-hls/index.m3u8", "/long-hls/"],
    ["dash", "/long-dash/index.mpd", "/long-dash/"],
  ] as const)("of %s cost at most a twentieth of its bytes", async (kind, path, folder) => {
    const { probed, delivery } = await deliveries.deliver(`${origin.url}${path}`, MIDDLE);
    await origin.idle();
    const [read, size] = [sentBelow(folder), await sizeOf(await media(kind, LONG))];
    const share = read / size;
    if (IS_LARGE) console.log(`${kind}: ${read} of ${size} bytes, ${(100 * share).toFixed(2)} %`);
    expect(share).toBeLessThan(SHARE);
    expect(delivery.clip?.start).toBe(MIDDLE.clip_start);
    expect(seconds(probed.format.duration)).toBeCloseTo(10, 0);
  });
});

describe("a copied clip", () => {
  it.each(["mp4", "mov"])(
    "starts at the requested time in %s, though it begins at a key frame",
    async (format) => {
      const clip = { format, clip_start: 5.28, clip_end: 8.28 };
      const { delivery, path, probed, bytes } = await deliveries.deliver(`${origin.url}/short.mp4`, clip);
      expect(delivery).toMatchObject({ strategy: "mux", adjustments: [], clip: { start: 5.28 } });
      expect(delivery.clip?.duration).toBeCloseTo(3, 0);
      expect(seconds(probed.format.duration)).toBeCloseTo(3, 0);
      expect(await frameHash(path)).toBe(await frameHash(short, 5.28));
      expect(boxAt(bytes, "moov")).toBeLessThan(boxAt(bytes, "mdat"));
    },
  );

  it("begins at the key frame where the container shows everything, and reports it", async () => {
    const clip = { format: "mkv", clip_start: 5.28, clip_end: 8.28 };
    const { delivery, path, probed } = await deliveries.deliver(`${origin.url}/short.mp4`, clip);
    expect(delivery.clip?.start).toBeCloseTo(4, 3);
    expect(delivery.adjustments).toMatchObject([{ field: "clip_start", from: 5.28, to: 4 }]);
    expect(seconds(probed.format.duration)).toBeCloseTo(8.28 - 4, 0);
    expect(await frameHash(path)).toBe(await frameHash(short, 4));
  });

  it("runs to the end when no end is requested", async () => {
    const { delivery, probed } = await deliveries.deliver(`${origin.url}/short.mp4`, { clip_start: 9 });
    expect(delivery.clip?.start).toBe(9);
    expect(seconds(probed.format.duration)).toBeCloseTo(3, 0);
  });

  it("reports that an end after the end of the source was moved", async () => {
    const clip = { clip_start: 10, clip_end: 60 };
    const { delivery, probed } = await deliveries.deliver(`${origin.url}/short.mp4`, clip);
    expect(delivery.adjustments).toMatchObject([{ field: "clip_end", from: 60 }]);
    expect(delivery.adjustments[0]?.to).toBeCloseTo(12, 0);
    expect(seconds(probed.format.duration)).toBeCloseTo(2, 0);
  });

  it("of audio alone begins at the requested start", async () => {
    const clip = { format: "m4a", clip_start: 5, clip_end: 8 };
    for (const file of ["audio.m4a", "short.mp4"]) {
      const { delivery, probed } = await deliveries.deliver(`${origin.url}/${file}`, clip);
      expect(delivery.clip?.start).toBe(5);
      expect(Math.abs(seconds(probed.format.duration) - 3)).toBeLessThan(0.1);
    }
  });

  it.each(["hls", "hls-fmp4", "hls-byterange", "hls-aes", "dash"])(
    "of %s shows the frame at the requested start, with its audio",
    async (source) => {
      const url = `${origin.url}/${source}/index.${source === "dash" ? "mpd" : "m3u8"}`;
      const clip = { clip_start: 5.28, clip_end: 8.28 };
      const { delivery, path, probed } = await deliveries.deliver(url, clip);
      expect(delivery.clip?.start).toBe(5.28);
      expect(probed.streams.map(({ codec_type }) => codec_type).sort()).toEqual(["audio", "video"]);
      expect(seconds(probed.format.duration)).toBeCloseTo(3, 0);
      expect(await frameHash(path)).toBe(await frameHash(short, 5.28));
    },
  );
});

describe("a transcoded clip", () => {
  it.each(["short.mp4", "hls/index.m3u8", "dash/index.mpd"])(
    "of %s begins with exactly the requested frame",
    async (path) => {
      // lossless, so that the frame can be recognised
      const clip = { video_codec: "h264", video_quality: 0, clip_start: 5.28, clip_end: 7 } as const;
      const delivered = await deliveries.deliver(`${origin.url}/${path}`, clip);
      expect(delivered.delivery).toMatchObject({ strategy: "transcode", clip: { start: 5.28 } });
      expect(await frameHash(delivered.path)).toBe(await frameHash(short, 5.28));
      expect(Math.abs(seconds(delivered.probed.format.duration) - 1.72)).toBeLessThan(0.2);
    },
  );

  it("copies the audio from the requested start on", async () => {
    const clip = { format: "mkv", video_codec: "h265", clip_start: 5.28, clip_end: 7 } as const;
    const { delivery, probed } = await deliveries.deliver(`${origin.url}/short.mp4`, clip);
    expect(delivery).toMatchObject({ clip: { start: 5.28 }, adjustments: [] });
    expect(Math.abs(seconds(probed.format.duration) - 1.72)).toBeLessThan(0.2);
  });
});

describe("the limits of a key", () => {
  const limits = { max_filesize_bytes: 400_000, max_duration_seconds: 4 };

  it("apply to the clip, not to the source that it is cut from", async () => {
    const clip = { clip_start: 4, clip_end: 6 };
    for (const path of ["short.mp4", "hls/index.m3u8", "dash/index.mpd"]) {
      const { delivery } = await deliveries.deliver(`${origin.url}/${path}`, clip, { limits });
      expect(delivery.file_size).toBeLessThan(limits.max_filesize_bytes);
    }
  });

  it.each([
    ["too long", {}, { max_filesize_bytes: null, max_duration_seconds: 4 }],
    [
      "too long as a clip",
      { clip_start: 1, clip_end: 6 },
      { max_filesize_bytes: null, max_duration_seconds: 4 },
    ],
    ["too large as a clip", { clip_start: 1 }, { max_filesize_bytes: 50_000, max_duration_seconds: null }],
  ])("refuse what is %s", async (_name, request, limits) => {
    const outcome = await bench.run(`${origin.url}/short.mp4`, request, { limits });
    expect(outcome).toMatchObject({ type: "failed", code: "limit_exceeded" });
    expect(await bench.s3.unfinishedUploads()).toEqual([]);
  });
});

describe("a clip outside the media", () => {
  it.each(["short.mp4", "hls/index.m3u8", "dash/index.mpd"])(
    "of %s fails with its own code",
    async (path) => {
      const outcome = await bench.run(`${origin.url}/${path}`, { clip_start: 600, clip_end: 610 });
      expect(outcome).toMatchObject({ type: "failed", code: "clip_out_of_range" });
    },
  );
});
