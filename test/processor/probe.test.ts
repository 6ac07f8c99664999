import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MediaRequest, plan } from "../../schema/media.ts";
import { type ProbeOutcome, ProbeResponse } from "../../schema/wire/probe.ts";
import { type MediaOptions, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let bench: ProcessorBench;

const SPLIT: MediaOptions = { seconds: 10, videoBitrate: 400_000 };

const MASTER = `#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=1080x1920,CODECS="avc1.64001f,mp4a.40.2"
/hls/index.m3u8?1080
#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=360x640,CODECS="avc1.64001f,mp4a.40.2"
/hls/index.m3u8?360
`;

beforeAll(async () => {
  const root = await mediaFolder({
    ...{ "direct.mp4": ["mp4"], "last.mp4": ["mp4-index-last"], "film.webm": ["webm"] },
    hls: ["hls-ts"],
    dash: ["dash", SPLIT],
  });
  origin = await startOrigin({
    root,
    bodies: { "/short.m3u8": Buffer.from(MASTER) },
  });
  bench = await startProcessorBench([origin.host], { PROBE_SECONDS: "4" });
  // the extractor's start counts towards the limit of the first caller
  await bench.run(`${origin.url}/direct.mp4`);
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
});

async function ask(content: object): Promise<Response> {
  return bench.processor.app.request("/probe", {
    method: "POST",
    headers: {
      authorization: `Bearer ${bench.config.processorToken}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ v: 1, ...content }),
  });
}

async function probe(path: string, request?: MediaRequest): Promise<ProbeOutcome> {
  const kind = request ? { kind: "plan", plan: plan(request).plan } : { kind: "metadata" };
  const response = await ask({ url: origin.url + path, ...kind });
  expect(response.status).toBe(200);
  return ProbeResponse.parse(await response.json()).outcome;
}

describe("a probe", () => {
  it("reports what a page says about its media", async () => {
    expect(await probe("/page.html")).toMatchObject({
      type: "found",
      media: {
        title: expect.stringContaining("A page with a video & metadata"),
        description: "Made for tests",
        thumbnail: `${origin.url}/thumb.jpg`,
        extractor: "html5",
        is_live: false,
      },
    });
  });

  it.each([
    ["/direct.mp4", "h264", "aac"],
    // its index is at the end
    ["/last.mp4", "h264", "aac"],
    ["/film.webm", "vp9", "opus"],
  ])(
    "reads duration and dimensions of a plain file from the file: %s",
    async (path, video_codec, audio_codec) => {
      const outcome = await probe(path, {});
      expect(outcome).toMatchObject({
        type: "found",
        media: { duration: expect.closeTo(3, 0), width: 320, height: 180 },
        streams: [{ video_codec, audio_codec, width: 320, height: 180 }],
      });
      const size = (await fetch(origin.url + path, { method: "HEAD" })).headers.get("content-length");
      if (outcome.type === "found" && path !== "/film.webm")
        expect(outcome.estimated_size).toBe(Number(size));
    },
  );

  it("reports of a plain file without ranges only what its page says", async () => {
    origin.behave("/direct.mp4", { noRanges: true });
    // only its beginning was read
    expect(await probe("/direct.mp4?plain")).toMatchObject({ type: "found", media: { duration: null } });
    origin.behave("/direct.mp4", {});
  });

  it("reports the video dimensions and the streams of a playlist", async () => {
    const outcome = await probe("/short.m3u8");
    expect(outcome).toMatchObject({ type: "found", media: { width: 1080, height: 1920 } });
    expect(outcome.type === "found" && outcome.media.formats.map(({ height }) => height)).toEqual([
      640, 1920,
    ]);
  });

  it("reports the streams that a plan chooses", async () => {
    expect(await probe("/short.m3u8", { max_resolution: 360 })).toMatchObject({
      streams: [{ width: 360, height: 640, video_codec: "h264", audio_codec: "aac" }],
    });
  });

  it("estimates what a plan produces: a copy, a clip of it, and re-encoded audio", async () => {
    const sizeOf = async (request: MediaRequest) => {
      const outcome = await probe("/dash/index.mpd", request);
      return outcome.type === "found" ? outcome.estimated_size : outcome;
    };
    const done = await bench.run(`${origin.url}/dash/index.mpd`);
    const delivered = done.type === "completed" ? done.delivery.file_size : Number.NaN;
    const whole = Number(await sizeOf({}));
    expect(Math.abs(whole / delivered - 1)).toBeLessThan(0.3);
    expect(await sizeOf({ clip_start: 2, clip_end: 4 })).toBe(Math.round(whole / 5));
    expect(await sizeOf({ format: "mp3", audio_bitrate: "64k" })).toBe((64_000 * 10) / 8);
    // the size for a quality depends on the content
    expect(await sizeOf({ video_codec: "vp9" })).toBeNull();
  });

  it("takes no slot of a run and leaves nothing behind", async () => {
    await probe("/direct.mp4");
    expect(bench.processor.runs.size).toBe(0);
    expect(await bench.remainingFiles()).toEqual([]);
  });

  it("reports a refusal by its error class", async () => {
    expect(await probe("/empty.html")).toMatchObject({ type: "failed", code: "unsupported_url" });
    expect(await probe("/status/404")).toMatchObject({ type: "failed", code: "unavailable" });
  });

  it("reaches no private address", async () => {
    const response = await ask({ url: "http://127.0.0.1:9/a.mp4", kind: "metadata" });
    expect(await response.json()).toMatchObject({ outcome: { type: "failed", code: "egress_blocked" } });
  });

  it("answers 504 when the source does not answer in time", async () => {
    origin.behave("/hangs", { hang: true });
    expect((await ask({ url: `${origin.url}/hangs`, kind: "metadata" })).status).toBe(504);
  });

  it("answers 503 while as many others as allowed are running", async () => {
    origin.behave("/hangs", { hang: true });
    const waiting = Array.from({ length: 4 }, () => ask({ url: `${origin.url}/hangs`, kind: "metadata" }));
    const refused = await ask({ url: `${origin.url}/direct.mp4`, kind: "metadata" });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    await Promise.all(waiting);
  });

  it("requires the Worker's token and a valid request", async () => {
    const response = await bench.processor.app.request("/probe", { method: "POST", body: "{}" });
    expect(response.status).toBe(401);
    expect((await ask({ kind: "metadata" })).status).toBe(400);
  });
});

describe("the run that follows a probe", () => {
  it("does not ask the source again, and makes its own plan", async () => {
    await probe("/short.m3u8");
    const before = origin.hits.get("/short.m3u8");
    const outcome = await bench.run(`${origin.url}/short.m3u8`, { max_resolution: 360 });
    expect(outcome).toMatchObject({ type: "completed" });
    expect(origin.hits.get("/short.m3u8")).toBe(before);
    expect(origin.requests.filter(({ path }) => path.startsWith("/hls/index.m3u8")).length).toBeGreaterThan(
      0,
    );
  });

  it("asks again when the links of the response are refused", async () => {
    await probe("/page.html");
    const before = origin.hits.get("/page.html") ?? 0;
    // the fast strategy and the sequential one
    origin.behave("/direct.mp4", { status: 403, times: 2 });
    expect(await bench.run(`${origin.url}/page.html`)).toMatchObject({ type: "completed" });
    expect(origin.hits.get("/page.html")).toBe(before + 1);
  });
});
