import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveHlsSource, serveRangeSource, serveSegmentSource } from "../../processor/egress/loopback.ts";
import { EgressProxy, type MountHandler } from "../../processor/egress/proxy.ts";
import { openRangeSource } from "../../processor/egress/range-source.ts";
import { SegmentSource } from "../../processor/egress/segment-source.ts";
import type { Fault } from "../../processor/fault.ts";
import { HlsSource, NotConcatenableError } from "../../processor/hls/source.ts";
import { clientFor, impatientClock } from "../support/egress.ts";
import { type MediaKind, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";

const run = promisify(execFile);
const FOLDERS = ["hls-ts", "hls-fmp4", "hls-byterange", "hls-aes", "dash"] as const satisfies MediaKind[];

let origin: Origin;
let reach: ReturnType<typeof clientFor>;
let proxy: EgressProxy;
let folder: string;
const never = new AbortController().signal;

beforeAll(async () => {
  const seconds = 4;
  const root = await mediaFolder({
    "direct.mp4": ["mp4", { seconds }],
    "late.mp4": ["mp4-index-last", { seconds, videoBitrate: 8_000_000 }],
    // what the operating system buffers for a reader that has left must not count
    "long-late.mp4": ["mp4-index-last", { seconds: 20, videoBitrate: 12_000_000 }],
    ...Object.fromEntries(FOLDERS.map((kind) => [kind, [kind, { seconds }]] as const)),
  });
  origin = await startOrigin({ root });
  reach = clientFor(origin.host);
  proxy = await EgressProxy.start(reach.policy);
  folder = await mkdtemp(join(tmpdir(), "accelerator-"));
});
afterAll(async () => {
  await proxy.close();
  reach.policy.close();
  await origin.close();
  await rm(folder, { recursive: true, force: true });
});

/** Lets a tool use a mount for a while. */
async function mounted<T>(handler: MountHandler, use: (baseUrl: string) => Promise<T>): Promise<T> {
  const mount = proxy.mount(handler);
  try {
    return await use(mount.baseUrl);
  } finally {
    mount.close();
  }
}

const ffmpeg = (...args: string[]) =>
  run("ffmpeg", ["-nostdin", "-v", "error", "-xerror", "-y", ...args], { env: { http_proxy: proxy.url } });

async function probe(input: string): Promise<{ seconds: number; codecs: string[] }> {
  const args = ["-v", "error", "-of", "json", "-show_entries", "format=duration:stream=codec_name", input];
  const { stdout } = await run("ffprobe", args, { env: { http_proxy: proxy.url } });
  const facts = JSON.parse(stdout);
  const codecs = facts.streams.map((stream: { codec_name: string }) => stream.codec_name);
  return { seconds: Number(facts.format.duration), codecs };
}

const get = (url: string, init: { method?: string; range?: string } = {}) =>
  run("curl", [
    ...["-s", "-i", "-x", proxy.url, ...(init.method === "HEAD" ? ["-I"] : ["-X", init.method ?? "GET"])],
    ...(init.range ? ["-r", init.range] : []),
    url,
  ]).then(({ stdout }) => stdout);

describe("a file shown to tools", () => {
  it("is seekable: an index behind the media is found without reading what lies between", async () => {
    const source = await openRangeSource(reach.client, { url: `${origin.url}/long-late.mp4`, signal: never });
    const facts = await mounted(serveRangeSource(source, failOnFault), (url) => probe(`${url}/input.mp4`));
    expect(facts.codecs).toEqual(["h264", "aac"]);
    expect(facts.seconds).toBeCloseTo(20, 0);
    expect(source.bytesRead).toBeLessThan((source.sizeBytes ?? 0) / 2);
    source.close();
  });

  it("is copied completely", async () => {
    const source = await openRangeSource(reach.client, { url: `${origin.url}/direct.mp4`, signal: never });
    const output = join(folder, "copied.mp4");
    await mounted(serveRangeSource(source, failOnFault), (url) => ffmpeg("-i", url, "-c", "copy", output));
    expect(await probe(output)).toMatchObject({ codecs: ["h264", "aac"] });
    source.close();
  });

  it("answers HEAD, valid ranges and ranges that do not exist", async () => {
    const source = await openRangeSource(reach.client, { url: `${origin.url}/direct.mp4`, signal: never });
    const size = source.sizeBytes ?? 0;
    await mounted(serveRangeSource(source, failOnFault), async (url) => {
      expect(await get(url, { method: "HEAD" })).toMatch(new RegExp(`200[\\s\\S]*content-length: ${size}`));
      expect(await get(url, { range: "0-3" })).toContain(`content-range: bytes 0-3/${size}`);
      expect(await get(url, { range: "-4" })).toContain(
        `content-range: bytes ${size - 4}-${size - 1}/${size}`,
      );
      expect(await get(url, { range: `${size}-` })).toContain("416");
      expect(await get(url, { method: "POST" })).toContain("405");
    });
    source.close();
  });

  it("is read from its beginning where the source has no ranges", async () => {
    origin.behave("/direct.mp4", { noRanges: true });
    const source = await openRangeSource(reach.client, { url: `${origin.url}/direct.mp4`, signal: never });
    const facts = await mounted(serveRangeSource(source, failOnFault), (url) => probe(url));
    expect(facts.codecs).toEqual(["h264", "aac"]);
    origin.behave("/direct.mp4", {});
    source.close();
  });

  it("makes the tool fail with the reason when the transfer breaks off", async () => {
    const clock = impatientClock();
    const url = `${origin.url}/late.mp4`;
    const source = await openRangeSource(reach.client, { url, signal: never, clock });
    origin.behave("/late.mp4", { resetAfter: 0 });
    const faults: Fault[] = [];
    const output = join(folder, "broken.mp4");
    const copying = mounted(
      serveRangeSource(source, (fault) => faults.push(fault)),
      (input) => ffmpeg("-i", input, "-c", "copy", output),
    );
    await expect(copying).rejects.toThrow();
    expect(faults[0]).toMatchObject({ code: "network" });
    origin.behave("/late.mp4", {});
  });
});

describe("an HLS presentation shown to tools", () => {
  it.each(["hls-ts", "hls-fmp4", "hls-byterange", "hls-aes"] as const)(
    "is muxed completely as %s",
    async (kind) => {
      const source = new HlsSource(reach.client, { url: `${origin.url}/${kind}/index.m3u8`, signal: never });
      const output = join(folder, `${kind}.mp4`);
      await mounted(serveHlsSource(source, failOnFault), (url) =>
        ffmpeg("-i", url + source.entryPath, "-c", "copy", output),
      );
      const facts = await probe(output);
      expect(facts.codecs).toEqual(["h264", "aac"]);
      expect(facts.seconds).toBeCloseTo(4, 0);
      expect(source).toMatchObject({ isLive: false, retries: 0 });
      expect(source.segmentsRead).toBeGreaterThanOrEqual(4);
      source.close();
    },
  );

  it("is fetched ahead, each segment once, and within its number of connections", async () => {
    const hitsBefore = origin.hits.get("/hls-ts/segment-000.ts") ?? 0;
    const source = new HlsSource(reach.client, {
      url: `${origin.url}/hls-ts/index.m3u8`,
      signal: never,
      connections: 3,
    });
    await source.open(source.entryPath);
    const first = await source.open("/1.ts");
    await origin.waitForHit("/hls-ts/segment-002.ts");
    if (first?.kind === "media") for await (const _batch of first.body);
    expect((origin.hits.get("/hls-ts/segment-000.ts") ?? 0) - hitsBefore).toBe(1);
    source.close();
    await origin.idle();
  });

  it("fetches more while a segment is being read, and not that segment again", async () => {
    const names = Array.from({ length: 6 }, (_, index) => `/slow/${index}.ts`);
    for (const name of names) {
      origin.put(name, Buffer.alloc(188 * 500, 0x47));
      origin.behave(name, { bytesPerSecond: 100_000 });
    }
    const lines = names.flatMap((name) => ["#EXTINF:1,", name]);
    origin.put("/slow/index.m3u8", Buffer.from(["#EXTM3U", ...lines, "#EXT-X-ENDLIST"].join("\n")));
    const url = `${origin.url}/slow/index.m3u8`;
    const source = new HlsSource(reach.client, { url, signal: never, connections: 4 });
    await source.open(source.entryPath);
    const first = await source.open("/1.ts");
    const reading = (async () => {
      if (first?.kind === "media") for await (const _batch of first.body);
    })();
    // the fourth is only fetched because more connections are allowed than at first
    await Promise.all([origin.waitForHit("/slow/3.ts"), reading]);
    expect(names.map((name) => origin.hits.get(name) ?? 0)).toEqual([1, 1, 1, 1, 0, 0]);
    source.close();
    await origin.idle();
  });

  it("sends cookies to its own host and to no other that the playlist names", async () => {
    const other = await startOrigin({ bodies: { "/elsewhere.ts": Buffer.from("media") } });
    const { client, policy } = clientFor(origin.host, other.host);
    const lines = [
      "#EXTM3U",
      "#EXTINF:1,",
      "own.ts",
      "#EXTINF:1,",
      `${other.url}/elsewhere.ts`,
      "#EXT-X-ENDLIST",
    ];
    origin.put("/private/index.m3u8", Buffer.from(lines.join("\n")));
    origin.put("/private/own.ts", Buffer.from("media"));
    origin.behave("/private", { cookie: "sid=ok" });
    other.behave("/", { cookie: "sid=ok" });
    const url = `${origin.url}/private/index.m3u8`;
    const source = new HlsSource(client, { url, headers: { cookie: "sid=ok" }, signal: never });
    await source.open(source.entryPath);
    const read = async (path: string) => {
      const response = await source.open(path);
      if (response?.kind === "media") for await (const _batch of response.body);
    };
    await read("/1.ts");
    await expect(read("/2.ts")).rejects.toMatchObject({ code: "forbidden" });
    source.close();
    policy.close();
    await other.close();
  });

  it("serves only paths that it handed out", async () => {
    const source = new HlsSource(reach.client, { url: `${origin.url}/hls-ts/index.m3u8`, signal: never });
    await mounted(serveHlsSource(source, failOnFault), async (url) => {
      expect(await get(`${url}/99.ts`)).toContain("404");
      expect(await get(`${url}/../../etc/passwd`)).toContain("404");
    });
    source.close();
  });

  it("follows a live playlist, with the same path for a segment each time it is named", async () => {
    const path = "/live/index.m3u8";
    const list = (first: number, last: number) =>
      Buffer.from(
        ["#EXTM3U", "#EXT-X-TARGETDURATION:1", `#EXT-X-MEDIA-SEQUENCE:${first}`]
          .concat(
            ...Array.from({ length: last - first + 1 }, (_, at) => [
              "#EXTINF:1,",
              `../hls-ts/segment-00${first + at}.ts`,
            ]),
          )
          .join("\n"),
      );
    const source = new HlsSource(reach.client, { url: origin.url + path, signal: never });
    const read = async (first: number, last: number) => {
      origin.put(path, list(first, last));
      const response = await source.open(source.entryPath);
      return response?.kind === "playlist"
        ? response.text.split("\n").filter((line) => line.startsWith("/"))
        : [];
    };
    const [zero, one] = await read(0, 1);
    expect(await read(1, 2)).toContain(one);
    expect(source.isLive).toBe(true);
    expect(await source.open(zero ?? "")).not.toBeNull();
    await read(2, 3);
    await read(3, 3);
    expect(await source.open(zero ?? "")).toBeNull();
    source.close();
  });

  it("fails with the limit when it is larger than allowed", async () => {
    const faults: Fault[] = [];
    const url = `${origin.url}/hls-ts/index.m3u8`;
    const source = new HlsSource(reach.client, { url, signal: never, maxBytes: 100_000 });
    const copying = mounted(
      serveHlsSource(source, (fault) => faults.push(fault)),
      (base) => ffmpeg("-i", base + source.entryPath, "-c", "copy", join(folder, "limited.mp4")),
    );
    await copying.catch(() => {});
    expect(faults[0]).toMatchObject({ code: "limit_exceeded" });
    source.close();
  });

  it("leaves out one missing segment, and reports more of them as failed requests", async () => {
    const faults: Fault[] = [];
    origin.behave("/hls-ts/segment-002.ts", { status: 404 });
    origin.behave("/hls-ts/segment-003.ts", { status: 404 });
    const source = new HlsSource(reach.client, { url: `${origin.url}/hls-ts/index.m3u8`, signal: never });
    await mounted(
      serveHlsSource(source, (fault) => faults.push(fault)),
      async (url) => {
        await get(url + source.entryPath);
        expect(await get(`${url}/3.ts`)).toContain("200");
        expect(source.missing).toMatchObject({ count: 1, seconds: 1 });
        expect(await get(`${url}/4.ts`)).toContain("502");
      },
    );
    expect(faults).toMatchObject([{ code: "unavailable" }]);
    origin.behave("/hls-ts/segment-003.ts", {});
    origin.behave("/hls-ts/segment-002.ts", {});
    source.close();
  });
});

describe("an HLS presentation read as one stream", () => {
  async function readAll(source: HlsSource, signal = never): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const batch of source.read(signal)) for (const chunk of batch) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  const cut = (bytes: Buffer) =>
    Array.from({ length: bytes.length / 188 }, (_, at) => bytes.subarray(at * 188, (at + 1) * 188));
  const bytesAt = async (path: string) => Buffer.from(await (await fetch(origin.url + path)).arrayBuffer());

  it("contains its segments, one after the other", async () => {
    const source = new HlsSource(reach.client, { url: `${origin.url}/hls-ts/index.m3u8`, signal: never });
    const segments = await Promise.all([0, 1, 2, 3].map((at) => bytesAt(`/hls-ts/segment-00${at}.ts`)));
    // an empty packet comes before each, because continuity counters may not match there
    const packets = cut(await readAll(source));
    const isEmpty = (packet: Buffer) => packet.readUInt16BE(1) === 0x1fff;
    expect(Buffer.concat(packets.filter((packet) => !isEmpty(packet)))).toEqual(Buffer.concat(segments));
    expect(packets.filter(isEmpty)).toHaveLength(4);
    source.close();
    await origin.idle();
  });

  it("contains its initialisation and its ranges of one file", async () => {
    const url = `${origin.url}/hls-byterange/index.m3u8`;
    const source = new HlsSource(reach.client, { url, signal: never });
    expect(await readAll(source)).toEqual(await bytesAt("/hls-byterange/index.m4s"));
    source.close();
  });

  it("is decrypted", async () => {
    const source = new HlsSource(reach.client, { url: `${origin.url}/hls-aes/index.m3u8`, signal: never });
    const whole = await readAll(source);
    expect(cut(whole).every(([sync]) => sync === 0x47)).toBe(true);
    expect(origin.hits.get("/hls-aes/media.key")).toBeLessThanOrEqual(2);
    source.close();
  });

  it("is refused at a discontinuity, and still serves a tool without being requested again", async () => {
    const path = "/anew/index.m3u8";
    const lines = [
      "#EXTM3U",
      "#EXTINF:1,",
      "a.ts",
      "#EXT-X-DISCONTINUITY",
      "#EXTINF:1,",
      "b.ts",
      "#EXT-X-ENDLIST",
    ];
    origin.put(path, Buffer.from(lines.join("\n")));
    const source = new HlsSource(reach.client, { url: origin.url + path, signal: never });
    await expect(readAll(source)).rejects.toBeInstanceOf(NotConcatenableError);
    const response = await source.open(source.entryPath);
    expect(response?.kind === "playlist" && response.text).toContain("#EXT-X-DISCONTINUITY");
    expect(origin.hits.get(path)).toBe(1);
    source.close();
  });

  it("can be abandoned in the middle and read again, within its limit", async () => {
    const url = `${origin.url}/hls-ts/index.m3u8`;
    const whole = await readAll(new HlsSource(reach.client, { url, signal: never }));
    // the empty packets are not the source's
    const maxBytes = whole.length - 4 * 188;
    const source = new HlsSource(reach.client, { url, signal: never, maxBytes });
    for await (const _batch of source.read(never)) break;
    expect(await readAll(source)).toEqual(whole);
    const smaller = new HlsSource(reach.client, { url, signal: never, maxBytes: maxBytes - 1 });
    await expect(readAll(smaller)).rejects.toMatchObject({ code: "limit_exceeded" });
    source.close();
    smaller.close();
    await origin.idle();
  });

  it("ends with its signal, even while nothing arrives", async () => {
    const lines = [
      "#EXTM3U",
      "#EXTINF:1,",
      "../hls-ts/segment-000.ts",
      "#EXTINF:1,",
      "never.ts",
      "#EXT-X-ENDLIST",
    ];
    origin.put("/hanging/index.m3u8", Buffer.from(lines.join("\n")));
    origin.behave("/hanging/never.ts", { hang: true });
    const source = new HlsSource(reach.client, { url: `${origin.url}/hanging/index.m3u8`, signal: never });
    const stop = new AbortController();
    const reading = readAll(source, stop.signal);
    await origin.waitForHit("/hanging/never.ts");
    stop.abort(new Error("enough"));
    await expect(reading).rejects.toThrow();
    source.close();
  });
});

describe("fragments shown to tools", () => {
  const names = (stream: number, count: number) => [
    `init-stream${stream}.m4s`,
    ...Array.from({ length: count }, (_, at) => `chunk-stream${stream}-0000${at + 1}.m4s`),
  ];
  const fragments = (stream: number, count: number) =>
    names(stream, count).map((name) => ({ url: `${origin.url}/dash/${name}` }));

  it("are one stream, in order, byte for byte", async () => {
    const source = new SegmentSource(reach.client, {
      fragments: fragments(0, 4),
      signal: never,
      connections: 3,
    });
    const chunks: Buffer[] = [];
    for await (const batch of source.read()) chunks.push(...batch);
    const root = await mediaFolder({ dash: ["dash", { seconds: 4 }] });
    const expected = await Promise.all(names(0, 4).map((name) => readFile(join(root, "dash", name))));
    expect(Buffer.concat(chunks).equals(Buffer.concat(expected))).toBe(true);
    expect(source).toMatchObject({ fragmentsRead: 5, retries: 0 });
  });

  it("are muxed from two streams", async () => {
    const video = new SegmentSource(reach.client, { fragments: fragments(0, 4), signal: never });
    const audio = new SegmentSource(reach.client, { fragments: fragments(1, 4), signal: never });
    const output = join(folder, "dash.mp4");
    await mounted(serveSegmentSource(video, failOnFault), (videoUrl) =>
      mounted(serveSegmentSource(audio, failOnFault), (audioUrl) =>
        ffmpeg("-i", videoUrl, "-i", audioUrl, "-c", "copy", output),
      ),
    );
    const facts = await probe(output);
    expect(facts.codecs.sort()).toEqual(["aac", "h264"]);
    expect(facts.seconds).toBeCloseTo(4, 0);
  });

  it("end at the first one that cannot be fetched, and at the limit", async () => {
    const missing = [...fragments(0, 2), { url: `${origin.url}/dash/none.m4s` }, ...fragments(0, 2)];
    const read = async (source: SegmentSource) => {
      for await (const _batch of source.read());
    };
    const broken = new SegmentSource(reach.client, { fragments: missing, signal: never });
    await expect(read(broken)).rejects.toMatchObject({ code: "unavailable" });
    const limited = new SegmentSource(reach.client, {
      fragments: fragments(0, 4),
      signal: never,
      maxBytes: 9_999,
    });
    await expect(read(limited)).rejects.toMatchObject({ code: "limit_exceeded" });
    await origin.idle();
  });
});

function failOnFault(fault: Fault): void {
  throw new Error(`${fault.code}: ${fault.detail}`);
}
