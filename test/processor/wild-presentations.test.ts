import { execFile } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import http from "node:http";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RunRequest } from "../../schema/wire/run.ts";
import { type Delivered, Deliveries } from "../support/delivered.ts";
import { media, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { listen } from "../support/ports.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** HLS and DASH as found in the wild, where a simple reader loses media or fails. */

const run = promisify(execFile);
const FPS = 25;
/** Segments of one second each. */
const MAIN = { seconds: 4 } as const;
/** Longer than tools look for streams. */
const LONG = { seconds: 12 } as const;
const LATE_SECONDS = 8;
const AD = { seconds: 2, fps: FPS } as const;
const BIG_AD = { seconds: 2, width: 640, height: 360 } as const;

vi.setConfig({ testTimeout: 60_000 });

let origin: Origin;
let radio: http.Server;
let radioUrl: string;
let bench: ProcessorBench;
let deliveries: Deliveries;

beforeAll(async () => {
  const root = await mediaFolder({
    main: ["hls-ts", MAIN],
    long: ["hls-ts", LONG],
    ad: ["hls-ts", { ...AD, height: 180 }],
    fmain: ["hls-fmp4", MAIN],
    fad: ["hls-fmp4", AD],
    fbig: ["hls-fmp4", BIG_AD],
    dash: ["dash", MAIN],
    dad: ["dash", AD],
  });
  origin = await startOrigin({ root });
  radio = http.createServer(playForever);
  radioUrl = `http://127.0.0.1:${await listen(radio)}`;
  bench = await startProcessorBench([origin.host, new URL(radioUrl).host], { LIVE_STALL_SECONDS: "2" });
  deliveries = new Deliveries(bench);
}, 60_000);

afterAll(async () => {
  await deliveries.close();
  await bench.close();
  radio.closeAllConnections();
  await new Promise((resolve) => radio.close(resolve));
  await origin.close();
});

/** Sends the same audio again and again, as fast as it is read; under /icy as Shoutcast does. */
function playForever(request: http.IncomingMessage, response: http.ServerResponse): void {
  const { socket } = response;
  const isShoutcast = request.url?.startsWith("/icy") === true;
  if (isShoutcast) socket?.write("ICY 200 OK\r\nicy-name: radio\r\ncontent-type: audio/mpeg\r\n\r\n");
  else response.writeHead(200, { "content-type": "audio/mpeg" });
  void (async () => {
    const audio = await readFile(await media("audio-mp3", { seconds: 3 }));
    const timer = setInterval(() => (isShoutcast ? socket : response)?.write(audio.subarray(0, 12_000)), 50);
    (socket ?? response).once("close", () => clearInterval(timer));
  })();
}

let count = 0;

/** Puts a playlist on the origin. */
function playlist(...lines: readonly string[]): string {
  const path = `/wild-${++count}.m3u8`;
  const head = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1"];
  return publish(path, [...head, ...lines, ""].join("\n"));
}

/** What was put on the origin, by its path. */
const published = new Map<string, string>();

function publish(path: string, text: string): string {
  published.set(path, text);
  origin.put(path, Buffer.from(text));
  return path;
}

/** Changes a playlist or manifest on the origin. */
const changed = (path: string, what: RegExp, to: string): string =>
  publish(path, (published.get(path) ?? "").replace(what, to));

const END = "#EXT-X-ENDLIST";
const DISCONTINUITY = "#EXT-X-DISCONTINUITY";
const segments = (folder: string, numbers: readonly number[], extension = "ts"): string[] =>
  numbers.flatMap((number) => ["#EXTINF:1.0,", `${folder}/segment-00${number}.${extension}`]);
const map = (folder: string): string => `#EXT-X-MAP:URI="${folder}/init.mp4"`;

async function deliver(path: string, change: Partial<RunRequest> = {}): Promise<Delivered> {
  const url = path.startsWith("http") ? path : origin.url + path;
  return deliveries.deliver(url, {}, { filename: `wild ${++count}`, ...change });
}

/** Decoded frames; the decoder must not complain. */
async function framesOf({ path }: Delivered): Promise<number> {
  const decoded = await run("ffmpeg", ["-nostdin", "-v", "error", "-i", path, "-f", "null", "-"]);
  expect(decoded.stderr).toBe("");
  const counted = await run("ffprobe", [
    ...["-v", "error", "-count_frames", "-select_streams", "v:0"],
    ...["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path],
  ]);
  return Number.parseInt(counted.stdout, 10);
}

const secondsOf = ({ probed }: Delivered): number => Number(probed.format.duration);

describe("an HLS presentation", () => {
  it.each([
    [
      "with an advertisement that has a clock of its own",
      () => [
        ...[...segments("main", [0, 1]), DISCONTINUITY, ...segments("ad", [0, 1])],
        ...[DISCONTINUITY, ...segments("main", [2, 3])],
      ],
    ],
    [
      "with another initialisation of the same size",
      () => [
        ...[map("fmain"), ...segments("fmain", [0, 1, 2, 3], "m4s"), DISCONTINUITY],
        ...[map("fad"), ...segments("fad", [0, 1], "m4s")],
      ],
    ],
  ])("becomes one file: %s", async (_case, lines) => {
    const done = await deliver(playlist(...lines(), END));
    expect(secondsOf(done)).toBeCloseTo(6, 0);
    expect(await framesOf(done)).toBe(6 * FPS);
    expect(done.delivery.adjustments).toEqual([]);
  });

  it("with parts of another size gets the size of most of it, and reports it", async () => {
    const path = playlist(
      ...[map("fmain"), ...segments("fmain", [0, 1, 2, 3], "m4s"), DISCONTINUITY],
      ...[map("fbig"), ...segments("fbig", [0, 1], "m4s"), END],
    );
    const done = await deliver(path);
    expect(await framesOf(done)).toBe(6 * FPS);
    expect(done.probed.streams.find(({ codec_type }) => codec_type === "video")).toMatchObject({
      width: 320,
    });
    expect(done.delivery.adjustments).toEqual([
      {
        field: "source",
        from: "parts of different form",
        to: "one form",
        reason: "2 s of the source have another size or codec than the rest and were transcoded to 320x180",
      },
    ]);
  });

  it("can be cut where its parts meet", async () => {
    const path = playlist(
      ...[...segments("main", [0, 1]), DISCONTINUITY, ...segments("ad", [0, 1])],
      ...[DISCONTINUITY, ...segments("main", [2, 3]), END],
    );
    const done = await deliveries.deliver(
      origin.url + path,
      { clip_start: 1, clip_end: 5 },
      { filename: `wild ${++count}` },
    );
    expect(secondsOf(done)).toBeCloseTo(4, 0);
    await framesOf(done);
  });

  it("with a gap is delivered without it, and the gap is not requested", async () => {
    const lines = ["#EXTINF:1.0,", "main/segment-000.ts", "#EXT-X-GAP", "#EXTINF:1.0,", "gone.ts"];
    const done = await deliver(playlist(...lines, ...segments("main", [2, 3]), END));
    expect(origin.hits.has("/gone.ts")).toBe(false);
    expect(await framesOf(done)).toBe(3 * FPS);
    expect(done.delivery.adjustments).toEqual([
      { field: "source", from: 4, to: 3, reason: "1 s are missing: the source does not have 1 segment" },
    ]);
  });

  it.each([
    [
      "hls",
      () => playlist(...segments("main", [0]), "#EXTINF:1.0,", "lost.ts", ...segments("main", [2, 3]), END),
    ],
    ["dash", () => manifest(4, period(4, { isListed: true }))],
  ] as const)("with one segment missing is delivered: %s", async (_kind, make) => {
    const done = await deliver(make());
    expect(await framesOf(done)).toBe(3 * FPS);
    expect(done.delivery.adjustments).toEqual([
      { field: "source", from: 4, to: 3, reason: "1 s are missing: the source does not have 1 segment" },
    ]);
  });

  it.each([404, 503])(
    "whose segment is there only when it is asked for again is whole: %s",
    async (status) => {
      for (const name of ["main/segment-001.ts", "dash/chunk-stream0-00002.m4s"])
        origin.behave(`/${name}`, { status, times: 1 });
      for (const path of [playlist(...segments("main", [0, 1, 2, 3]), END), manifest(4, period(4))]) {
        const done = await deliver(path);
        expect(await framesOf(done)).toBe(4 * FPS);
        expect(done.delivery.adjustments).toEqual([]);
      }
    },
  );

  it.each([404, 403])("whose best variant is dead is delivered in the next: %s", async (status) => {
    const living = playlist(...segments("main", [0, 1, 2, 3]), END);
    const variant = (height: number, path: string) => [
      `#EXT-X-STREAM-INF:BANDWIDTH=${height}000,CODECS="avc1.42c00d,mp4a.40.2",RESOLUTION=${(height * 16) / 9}x${height}`,
      path,
    ];
    const lines = [...variant(360, `/status/${status}`), ...variant(180, living)];
    const done = await deliver(publish(`/wild-${++count}.m3u8`, ["#EXTM3U", ...lines, ""].join("\n")));
    expect(await framesOf(done)).toBe(4 * FPS);
    const reason = `The source does not give its best variant (the source responded with ${status}); the next one was taken`;
    expect(done.delivery.adjustments).toEqual([{ field: "source", from: "360p", to: "180p", reason }]);
  });

  it("with most segments missing is not available", async () => {
    const path = playlist(
      "#EXTINF:1.0,",
      "lost.ts",
      "#EXTINF:1.0,",
      "lost2.ts",
      ...segments("main", [2, 3]),
      END,
    );
    expect(await bench.run(origin.url + path)).toMatchObject({ type: "failed", code: "unavailable" });
  });

  it.each([
    ["a byte order mark", "\ufeff"],
    ["blank lines", "\r\n \n"],
  ])("may begin with %s", async (_case, front) => {
    const path = changed(playlist(...segments("main", [0, 1, 2, 3]), END), /^/, front);
    expect(await framesOf(await deliver(path))).toBe(4 * FPS);
  });

  it("that has ended is not live, even if it states no durations", async () => {
    const lines = [0, 1, 2, 3].flatMap((number) => ["#EXTINF:-1,", `main/segment-00${number}.ts`]);
    const done = await deliver(playlist(...lines, END));
    expect(done.delivery.strategy).toBe("hls");
    expect(await framesOf(done)).toBe(4 * FPS);
  });

  it("whose segments are disguised as images is complete", async () => {
    const image = await readFile(await media("jpg", { width: 16, height: 16 }));
    const folder = dirname(await media("hls-ts", MAIN));
    const names = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
    const lines: string[] = [];
    for (const [number, name] of names.entries()) {
      origin.put(`/hidden/${number}.jpg`, Buffer.concat([image, await readFile(join(folder, name))]));
      lines.push("#EXTINF:1.0,", `hidden/${number}.jpg`);
    }
    expect(await framesOf(await deliver(playlist(...lines, END)))).toBe(4 * FPS);
  });

  it("that lists everything without an end tag is not live", async () => {
    const done = await deliver(playlist("#EXT-X-PLAYLIST-TYPE:VOD", ...segments("main", [0, 1, 2, 3])));
    expect(done.delivery.strategy).toBe("hls");
    expect(await framesOf(done)).toBe(4 * FPS);
  });

  it.each([
    [
      "in the playlist, with padding",
      true,
      (key: string) => `#EXT-X-KEY:METHOD=AES-128,URI="data:;base64,${key}"`,
    ],
    ["between odd spaces, without padding", false, () => '#EXT-X-KEY: METHOD = AES-128 , URI = "wild.key"'],
    [
      "among those for licensed players",
      true,
      () =>
        [
          '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery",KEYFORMATVERSIONS="1"',
          '#EXT-X-KEY:METHOD=AES-128,URI="wild.key",KEYFORMAT="identity"',
          '#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:;base64,AA==",KEYFORMAT="urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"',
          '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="data:;base64,AA==",KEYFORMAT="com.microsoft.playready"',
        ].join("\n"),
    ],
  ] as const)("that is encrypted gets its key: %s", async (_case, isPadded, line) => {
    const key = Buffer.from("0123456789abcdef");
    origin.put("/wild.key", key);
    const folder = dirname(await media("hls-ts", MAIN));
    const names = (await readdir(folder)).filter((name) => name.endsWith(".ts")).sort();
    for (const [number, name] of names.entries()) {
      const iv = Buffer.alloc(16);
      iv.writeUInt32BE(number, 12);
      const cipher = createCipheriv("aes-128-cbc", key, iv).setAutoPadding(isPadded);
      const clear = toBlocks(await readFile(join(folder, name)), isPadded);
      origin.put(
        `/wild/${isPadded}/segment-00${number}.ts`,
        Buffer.concat([cipher.update(clear), cipher.final()]),
      );
    }
    const lines = segments(`wild/${isPadded}`, [0, 1, 2, 3]);
    const done = await deliver(playlist(line(key.toString("base64")), ...lines, END));
    expect(await framesOf(done)).toBe(4 * FPS);
  });

  it.each([
    ["audio", "v", true],
    ["video", "a", true],
    ["audio", "v", false],
  ] as const)(
    "whose %s begins in a later segment is whole (%s first, named: %s)",
    async (late, first, isNamed) => {
      const lines: string[] = [];
      for (let number = 0; number < LONG.seconds; number++) {
        const name = `long/segment-${String(number).padStart(3, "0")}.ts`;
        const path = number < LATE_SECONDS ? `late-${first}-${number}.ts` : name;
        if (path !== name) origin.put(`/${path}`, await alone(number, first));
        lines.push("#EXTINF:1.0,", path);
      }
      const media = playlist(...lines, END);
      const variant = '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.42c00d,mp4a.40.2",RESOLUTION=320x180';
      const path = isNamed
        ? publish(`/wild-${++count}.m3u8`, ["#EXTM3U", variant, media.slice(1), ""].join("\n"))
        : media;
      const done = await deliver(path);
      expect(done.probed.streams.map(({ codec_type }) => codec_type).sort()).toEqual(["audio", "video"]);
      expect(secondsOf(done)).toBeCloseTo(LONG.seconds, 0);
      const starts = await startsOf(done);
      expect((starts.get(late) ?? 0) - (starts.get(late === "audio" ? "video" : "audio") ?? 0)).toBeCloseTo(
        LATE_SECONDS,
        0,
      );
    },
  );

  it("whose audio begins later than its video keeps them in sync", async () => {
    const [video, audio] = await Promise.all([apart("v"), apart("a")]);
    const master = `/wild-${++count}.m3u8`;
    const lines = [
      `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,URI="${audio}"`,
      '#EXT-X-STREAM-INF:BANDWIDTH=900000,CODECS="avc1.42c00d,mp4a.40.2",RESOLUTION=320x180,AUDIO="a"',
      video,
    ];
    origin.put(master, Buffer.from(["#EXTM3U", ...lines, ""].join("\n")));
    const done = await deliver(master);
    const starts = await startsOf(done);
    expect((starts.get("audio") ?? 0) - (starts.get("video") ?? 0)).toBeCloseTo(1, 1);
  });
});

/** When each kind of stream begins, in seconds. */
async function startsOf({ path }: Delivered): Promise<Map<string, number>> {
  const entries = ["-show_entries", "stream=codec_type,start_time", "-of", "csv=p=0", path];
  const { stdout } = await run("ffprobe", ["-v", "error", ...entries]);
  const lines = stdout.trim().split("\n");
  return new Map(lines.map((line) => line.split(",")).map(([kind = "", time]) => [kind, Number(time)]));
}

/** One stream of a segment of the long film, at its time. */
async function alone(number: number, kind: "a" | "v"): Promise<Buffer> {
  const folder = dirname(await media("hls-ts", LONG));
  const segment = join(folder, `segment-${String(number).padStart(3, "0")}.ts`);
  const args = [
    ...["-i", segment, "-map", `0:${kind}`, "-c", "copy", "-copyts", "-muxdelay", "0", "-muxpreload", "0"],
    ...["-streamid", kind === "v" ? "0:256" : "0:257"],
  ];
  const { stdout } = await run("ffmpeg", ["-nostdin", "-v", "error", ...args, "-f", "mpegts", "-"], {
    ...{ encoding: "buffer", maxBuffer: 16 << 20 },
  });
  return stdout;
}

/** Adds null packets up to a whole number of blocks, unless padding fills the last one. */
function toBlocks(clear: Buffer, isPadded: boolean): Buffer {
  const fill = Buffer.alloc(188, 0xff);
  fill.set([0x47, 0x1f, 0xff, 0x10]);
  const all = [clear];
  while (!isPadded && Buffer.concat(all).length % 16 !== 0) all.push(fill);
  return Buffer.concat(all);
}

/** One stream of the film in a single segment; of the audio, what begins a second later. */
async function apart(kind: "a" | "v"): Promise<string> {
  const film = await media("mp4", MAIN);
  const late = kind === "a" ? ["-ss", "1"] : [];
  const { stdout } = await promisify(execFile)(
    "ffmpeg",
    [
      ...["-nostdin", "-v", "error", ...late, "-i", film, "-map", `0:${kind}`, "-c", "copy"],
      ...["-output_ts_offset", kind === "a" ? "11" : "10", "-muxdelay", "0", "-f", "mpegts", "-"],
    ],
    { encoding: "buffer", maxBuffer: 16 << 20 },
  );
  origin.put(`/apart-${kind}.ts`, stdout);
  return playlist("#EXTINF:4.0,", `apart-${kind}.ts`, END).slice(1);
}

/** Puts a manifest on the origin. */
function manifest(seconds: number, ...periods: readonly string[]): string {
  const path = `/wild-${++count}.mpd`;
  const head = `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT${seconds}S">`;
  return publish(path, `<?xml version="1.0"?>\n${head}\n${periods.join("\n")}</MPD>\n`);
}

const REPRESENTATIONS = {
  video:
    '<Representation id="0" mimeType="video/mp4" codecs="avc1.42c00d" bandwidth="700000" width="320" height="180">',
  audio: '<Representation id="1" mimeType="audio/mp4" codecs="mp4a.40.2" bandwidth="64000">',
} as const;

interface PeriodOptions {
  readonly folder?: string;
  readonly repeat?: number;
  /** Names its segments one by one; the second one is missing. */
  readonly isListed?: boolean;
}

function period(
  seconds: number,
  { folder = "dash", repeat = seconds - 1, isListed = false }: PeriodOptions = {},
): string {
  const sets = (["video", "audio"] as const).map((kind) => {
    const template = !isListed
      ? `<SegmentTemplate timescale="1000" initialization="${folder}/init-stream$RepresentationID$.m4s" ` +
        `media="${folder}/chunk-stream$RepresentationID$-$Number%05d$.m4s" startNumber="1"><SegmentTimeline>` +
        `<S t="0" d="1000" r="${repeat}"/></SegmentTimeline></SegmentTemplate>`
      : listOf(folder, kind === "video" ? 0 : 1, ["1", "9", "3", "4"]);
    return `<AdaptationSet contentType="${kind}">${REPRESENTATIONS[kind]}${template}</Representation></AdaptationSet>`;
  });
  return `<Period duration="PT${seconds}S">${sets.join("")}</Period>`;
}

const listOf = (folder: string, id: number, names: readonly string[]): string =>
  `<SegmentList timescale="1" duration="1"><Initialization sourceURL="${folder}/init-stream${id}.m4s"/>${names
    .map((name) => `<SegmentURL media="${folder}/chunk-stream${id}-0000${name}.m4s"/>`)
    .join("")}</SegmentList>`;

describe("a DASH presentation", () => {
  it.each([
    ["with times that repeat up to the end", 4, () => manifest(4, period(4, { repeat: -1 }))],
    ["of several periods", 6, () => manifest(6, period(2, { folder: "dad" }), period(4))],
    [
      "with a duration that names years",
      4,
      () => changed(manifest(4, period(4, { repeat: -1 })), /PT4S/g, "P0Y0M0DT0H0M4.000S"),
    ],
    [
      "with a last number and no duration",
      4,
      () =>
        changed(
          changed(manifest(4, period(4)), / (mediaPresentationDuration|duration)="PT4S"/g, ""),
          /startNumber="1"><SegmentTimeline>.*?<\/SegmentTimeline>/g,
          'startNumber="1" endNumber="4" duration="1000">',
        ),
    ],
    [
      "that was live and is over",
      4,
      () =>
        changed(
          manifest(4, period(4)),
          /type="static"/,
          'type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z"',
        ),
    ],
    [
      "with frames for fast forward",
      4,
      () =>
        changed(
          manifest(4, period(4)),
          /(<Period[^>]*>)/,
          '$1<AdaptationSet contentType="video"><EssentialProperty schemeIdUri="http://dashif.org/guidelines/trickmode"/>' +
            '<Representation id="9" mimeType="video/mp4" codecs="avc1.64001f" bandwidth="9000000" width="1920" height="1080">' +
            '<SegmentTemplate duration="4" initialization="no.mp4" media="no$Number$.m4s"/></Representation></AdaptationSet>',
        ),
    ],
  ])("is complete: %s", async (_case, seconds, make) => {
    const done = await deliver(make());
    expect(secondsOf(done)).toBeCloseTo(seconds, 0);
    expect(await framesOf(done)).toBe(seconds * FPS);
  });

  it("whose first address is dead is read from the next", async () => {
    const bases = "<BaseURL>dead/</BaseURL><BaseURL>./</BaseURL>";
    const done = await deliver(manifest(4, bases, period(4)));
    expect(await framesOf(done)).toBe(4 * FPS);
    expect(done.delivery.adjustments).toEqual([]);
  });

  it("of byte ranges in one file is complete", async () => {
    const folder = dirname(await media("dash", MAIN));
    const sets: string[] = [];
    for (const [id, kind] of (["video", "audio"] as const).entries()) {
      const names = [`init-stream${id}.m4s`, ...[1, 2, 3, 4].map((at) => `chunk-stream${id}-0000${at}.m4s`)];
      const pieces = await Promise.all(names.map((name) => readFile(join(folder, name))));
      origin.put(`/ranges-${id}.mp4`, Buffer.concat(pieces));
      let at = 0;
      const [first, ...ranges] = pieces.map(({ length }) => {
        at += length;
        return `${at - length}-${at - 1}`;
      });
      const urls = ranges.map((range) => `<SegmentURL mediaRange="${range}"/>`).join("");
      const list = `<SegmentList timescale="1" duration="1"><Initialization range="${first}"/>${urls}</SegmentList>`;
      const representation = `${REPRESENTATIONS[kind]}<BaseURL>ranges-${id}.mp4</BaseURL>${list}</Representation>`;
      sets.push(`<AdaptationSet contentType="${kind}">${representation}</AdaptationSet>`);
    }
    const done = await deliver(manifest(4, `<Period>${sets.join("")}</Period>`));
    expect(await framesOf(done)).toBe(4 * FPS);
  });
});

describe("an endless stream", () => {
  const recording = (asked: boolean, seconds: number): Partial<RunRequest> => ({
    recording: { asked, from_start: false, max_seconds: seconds },
  });

  it.each([
    ["that was asked for as live", "/stream.mp3", true],
    ["that says that it is a radio", "/icy.mp3", false],
  ])("is recorded for as long as requested: one %s", async (_case, path, asked) => {
    const done = await deliveries.deliver(
      radioUrl + path,
      { format: "mp3" },
      { filename: `radio ${++count}`, ...recording(asked, 6) },
    );
    expect(done.delivery.strategy).toBe("live");
    expect(secondsOf(done)).toBeGreaterThanOrEqual(5.5);
    expect(secondsOf(done)).toBeLessThan(12);
    expect(done.delivery.adjustments.some(({ field }) => field === "live_recording")).toBe(!asked);
  });

  it("whose encoder restarts is one recording", async () => {
    const path = "/restart.m3u8";
    const put = (...lines: readonly string[]) =>
      origin.put(path, Buffer.from(["#EXTM3U", "#EXT-X-TARGETDURATION:1", ...lines, ""].join("\n")));
    put("#EXT-X-MEDIA-SEQUENCE:3", ...segments("main", [0, 1, 2, 3]));
    const change = { filename: "restart", ...recording(true, 60) };
    const id = await bench.submit(
      origin.url + path,
      {},
      {
        ...change,
        recording: { asked: true, from_start: true, max_seconds: 60 },
      },
    );
    await vi.waitUntil(() => bench.object(`videos/.recordings/${id}/1/4`), { timeout: 30_000 });
    put("#EXT-X-MEDIA-SEQUENCE:0", DISCONTINUITY, ...segments("ad", [0, 1]), END);
    const outcome = await bench.worker.outcome(id);
    if (outcome.type !== "completed") throw new Error(JSON.stringify([outcome, ...bench.logs.slice(-3)]));
    expect(outcome.delivery.duration).toBeCloseTo(6, 0);
    expect(outcome.delivery.adjustments).toEqual([]);
  });
});
