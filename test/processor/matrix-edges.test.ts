import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { plan } from "../../schema/media.ts";
import { boxAt, type Delivered, Deliveries } from "../support/delivered.ts";
import { mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let bench: ProcessorBench;
let deliveries: Deliveries;

const sized = (width: number, height: number) => ["hls-ts", { width, height, fps: 10, seconds: 2 }] as const;

const master = (...variants: (readonly [string, number, number])[]): Buffer =>
  Buffer.from(
    ["#EXTM3U"]
      .concat(
        variants.flatMap(([name, width, height]) => [
          `#EXT-X-STREAM-INF:BANDWIDTH=${width * height},RESOLUTION=${width}x${height},CODECS="avc1.42c01f,mp4a.40.2"`,
          `${name}/index.m3u8`,
        ]),
      )
      .join("\n"),
  );

/** What ffmpeg writes to a pipe: it cannot seek back, so the file has neither duration nor index. */
async function piped(...args: string[]): Promise<Buffer> {
  const options = { encoding: "buffer", maxBuffer: 1 << 26 } as const;
  return (await promisify(execFile)("ffmpeg", ["-nostdin", "-v", "error", ...args, "-"], options)).stdout;
}

beforeAll(async () => {
  origin = await startOrigin({
    root: await mediaFolder({
      "direct.mp4": ["mp4"],
      tall: sized(1080, 1920),
      middle: sized(720, 1280),
      small: sized(480, 854),
      "tall.mp4": ["mp4", { width: 480, height: 854, fps: 10, seconds: 2 }],
    }),
  });
  origin.put("/portrait.m3u8", master(["small", 480, 854], ["tall", 1080, 1920], ["middle", 720, 1280]));
  origin.put("/large.m3u8", master(["tall", 1080, 1920], ["middle", 720, 1280]));
  const video = (size: string) => ["-f", "lavfi", "-i", `testsrc2=size=${size}:rate=10:duration=3`];
  const tone = ["-f", "lavfi", "-i", "sine=duration=3"];
  const vp9 = "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -pix_fmt yuv420p".split(" ");
  const surround = "pan=5.1(side)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0";
  const [endless, odd, six] = await Promise.all([
    piped(...video("192x108"), ...tone, ...vp9, "-c:a", "libopus", "-f", "webm"),
    piped(...video("191x107"), ...vp9, "-f", "webm"),
    piped(...tone, "-af", surround, "-c:a", "flac", "-f", "matroska"),
  ]);
  origin.put("/endless.webm", endless);
  origin.put("/odd.webm", odd);
  origin.put("/six.mkv", six);
  bench = await startProcessorBench([origin.host]);
  deliveries = new Deliveries(bench);
}, 60_000);

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  await origin.close();
});

const videoOf = ({ probed }: Delivered) => probed.streams.find(({ codec_type }) => codec_type === "video");

describe("max_resolution", () => {
  it("picks, for a portrait source, the largest variant whose shorter side is within the limit", async () => {
    const done = await deliveries.deliver(`${origin.url}/portrait.m3u8`, { max_resolution: 720 });
    expect(videoOf(done)).toMatchObject({ width: 720, height: 1280 });
    expect(done.delivery).toMatchObject({ actual_quality: "720p", strategy: "hls", adjustments: [] });
  });

  it("picks the best when it is not set", async () => {
    const done = await deliveries.deliver(`${origin.url}/portrait.m3u8`);
    expect(videoOf(done)).toMatchObject({ width: 1080, height: 1920 });
  });

  it("picks the smallest when none is small enough, and reports it", async () => {
    const done = await deliveries.deliver(`${origin.url}/large.m3u8`, { max_resolution: 480 });
    expect(videoOf(done)).toMatchObject({ width: 720, height: 1280 });
    expect(done.delivery.adjustments).toMatchObject([{ field: "max_resolution", from: 480, to: 720 }]);
  });

  it("scales nothing: a larger file is delivered as it is when there is no other", async () => {
    const done = await deliveries.deliver(`${origin.url}/tall.mp4`, { max_resolution: 360 });
    expect(done.delivery).toMatchObject({ actual_quality: "480p", strategy: "ranges" });
    expect(done.delivery.adjustments).toMatchObject([{ field: "max_resolution", from: 360, to: 480 }]);
  });
});

describe("a corrected format", () => {
  it.each([
    [{ format: "avi" }, "format", "mp4", "video/mp4"],
    [{ format: "avi", audio_only: true }, "format", "m4a", "audio/mp4"],
    [{ format: "mkv", audio_only: true }, "format", "m4a", "audio/mp4"],
    [{ format: "webm", audio_only: true }, "format", "opus", "audio/ogg"],
    [{ format: "mp3", audio_only: false }, "audio_only", "mp3", "audio/mpeg"],
  ] as const)("is reported, and the file matches it: %o", async (request, field, extension, mime) => {
    expect(plan(request).adjustments).toMatchObject([{ field }]);
    const { delivery, probed } = await deliveries.deliver(`${origin.url}/direct.mp4`, request);
    expect(delivery.key).toMatch(new RegExp(`\\.${extension}$`));
    expect(probed.format.format_name).toContain(
      { m4a: "mp4", opus: "ogg" }[extension as string] ?? extension,
    );
    const pictures = probed.streams.filter(({ codec_type }) => codec_type === "video");
    expect(pictures).toHaveLength(mime.startsWith("video/") ? 1 : 0);
    const link = await fetch(await bench.link(delivery.key));
    expect(link.headers.get("content-type")).toBe(mime);
    await link.body?.cancel();
  });

  it("a bitrate without a codec gives AAC of that bitrate", async () => {
    const done = await deliveries.deliver(`${origin.url}/endless.webm`, { audio_bitrate: "64k" });
    expect(done.probed.streams.find(({ codec_type }) => codec_type === "audio")?.codec_name).toBe("aac");
  });
});

describe("a source that reports neither duration nor index", () => {
  it.each(["mp4", "mov"])("gets its index in front in %s", async (format) => {
    const { bytes, delivery, probed } = await deliveries.deliver(`${origin.url}/endless.webm`, { format });
    expect(boxAt(bytes, "moov")).toBeGreaterThan(0);
    expect(boxAt(bytes, "moov")).toBeLessThan(boxAt(bytes, "mdat"));
    expect(boxAt(bytes, "moof")).toBe(-1);
    expect(delivery.duration).toBeCloseTo(3, 0);
    expect(Number(probed.format.duration)).toBeCloseTo(3, 0);
  });

  it("gets its cues in front in mkv", async () => {
    const { bytes } = await deliveries.deliver(`${origin.url}/endless.webm`, { format: "mkv" });
    const cluster = bytes.indexOf(Buffer.from("1f43b675", "hex"), 200);
    expect(bytes.subarray(100, cluster).includes(Buffer.from("1c53bb6b", "hex"))).toBe(true);
  });
});

describe("what encoders do not support", () => {
  it("an odd width or height loses a row, not the job", async () => {
    const done = await deliveries.deliver(`${origin.url}/odd.webm`, { format: "mov" });
    expect(videoOf(done)).toMatchObject({ codec_name: "h264", width: 190, height: 106 });
  });

  it.each(["opus", "mp3", "m4a"])("six channels become what %s supports", async (format) => {
    const { probed } = await deliveries.deliver(`${origin.url}/six.mkv`, { format });
    expect(probed.streams[0]?.codec_type).toBe("audio");
  });

  it("one channel of Opus at the highest bitrate is spread over two", async () => {
    const asked = { format: "opus", audio_codec: "opus", audio_bitrate: "320k" } as const;
    const { delivery } = await deliveries.deliver(`${origin.url}/direct.mp4`, asked);
    expect(delivery.strategy).toBe("transcode");
  });
});
