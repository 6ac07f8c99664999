import { mkdtemp, readFile, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { ExtractorPool } from "../../processor/tools/extractor.ts";
import { runFfmpeg } from "../../processor/tools/ffmpeg.ts";
import { probeMedia } from "../../processor/tools/ffprobe.ts";
import { ToolInput } from "../../processor/tools/tool-input.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { listen } from "../support/ports.ts";

/** Real ffmpeg and real yt-dlp against every internal address; a trap on loopback counts connections. */

const config = readConfig({
  ...process.env,
  WORKER_URL: "http://127.0.0.1:1",
  PROCESSOR_TOKEN: "0123456789abcdef",
});

let tools: Tools;
let cwd: string;
let origin: Origin;
let policy: EgressPolicy;
let proxy: EgressProxy;
let pool: ExtractorPool;
let trapHits = 0;
let trapPort: number;
const trap = net.createServer((socket) => {
  trapHits++;
  socket.destroy();
});

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "egress-test-"));
  [tools, origin, trapPort] = await Promise.all([discoverTools(config), startOrigin(), listen(trap)]);
  policy = new EgressPolicy({ opened: new Set([origin.host]) });
  proxy = await EgressProxy.start(policy);
  pool = new ExtractorPool({ tools, proxy, config: { ...config, workDir: cwd } });
  await pool.ready();
});

afterAll(async () => {
  await pool.close();
  await proxy.close();
  policy.close();
  await origin.close();
  trap.close();
  await rm(cwd, { recursive: true });
});

beforeEach(() => {
  trapHits = 0;
});

/** Every way to write an internal address in a URL; `PORT` is the trap's. */
const INSIDE = [
  "http://127.0.0.1:PORT/a.mp4",
  "http://localhost:PORT/a.mp4",
  "http://localhost.:PORT/a.mp4",
  "http://[::1]:PORT/a.mp4",
  "http://[::ffff:127.0.0.1]:PORT/a.mp4",
  "http://2130706433:PORT/a.mp4",
  "http://0x7f.1:PORT/a.mp4",
  "http://127.1:PORT/a.mp4",
  "http://0:PORT/a.mp4",
  "https://127.0.0.1:PORT/a.mp4",
  "http://169.254.169.254/latest/meta-data/a.mp4",
] as const;

const hls = (segment: string) =>
  Buffer.from(`#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n${segment}\n#EXT-X-ENDLIST\n`);

const master = (variant: string) =>
  Buffer.from(`#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000,RESOLUTION=320x180\n${variant}\n`);

const keyed = (key: string) =>
  Buffer.from(
    `#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-KEY:METHOD=AES-128,URI="${key}"\n#EXTINF:4,\n/s.ts\n#EXT-X-ENDLIST\n`,
  );

const inside = (url: string) => url.replace("PORT", String(trapPort));
const redirectTo = (url: string) => `${origin.url}/redirect?to=${encodeURIComponent(url)}`;
const ffmpeg = (url: string) => {
  const input = url.endsWith(".m3u8") ? ToolInput.hls(url) : ToolInput.url(url, "mov");
  const args = ["-c", "copy", "-f", "matroska", "out.mkv"];
  return runFfmpeg({ tools, proxy, cwd, inputs: [input], args, purpose: "make" });
};
const extract = (url: string) => pool.extract({ url, timeoutMs: 20_000 });

describe("ffmpeg", () => {
  test.each(INSIDE)("never reaches %s, directly or by a redirect", async (url) => {
    await expect(ffmpeg(inside(url))).rejects.toMatchObject({ code: "egress_blocked" });
    await expect(ffmpeg(redirectTo(inside(url)))).rejects.toMatchObject({ code: "egress_blocked" });
    expect(trapHits).toBe(0);
  });

  test("never reads an internal segment, variant or key that a playlist names", async () => {
    const target = inside("http://127.0.0.1:PORT/s.ts");
    origin.put("/segment.m3u8", hls(target));
    origin.put("/variant.m3u8", master(target.replace(".ts", ".m3u8")));
    origin.put("/key.m3u8", keyed(target));
    origin.put("/s.ts", Buffer.alloc(1880));
    for (const path of ["/segment.m3u8", "/variant.m3u8", "/key.m3u8"]) {
      await expect(ffmpeg(origin.url + path)).rejects.toMatchObject({ code: "egress_blocked" });
    }
    expect(trapHits).toBe(0);
  });

  test("never reads a file that a playlist names", async () => {
    const secret = await media("mp4");
    for (const name of [`file://${secret}`, `file:${secret}`, secret.replace(/mp4$/, "ts")]) {
      origin.put("/file.m3u8", hls(name));
      await expect(ffmpeg(`${origin.url}/file.m3u8`)).rejects.toMatchObject({ name: "Fault" });
    }
    origin.put("/concat.ffconcat", Buffer.from(`ffconcat version 1.0\nfile '${secret}'\n`));
    await expect(ffmpeg(`${origin.url}/concat.ffconcat`)).rejects.toMatchObject({ name: "Fault" });
  });

  test("reads a host that only the proxy knows", async () => {
    const seen: string[] = [];
    const bytes = await readFile(await media("mp4"));
    const mount = proxy.mount((request, response) => {
      seen.push(request.url ?? "");
      response.end(bytes);
    });
    await ffmpeg(`${mount.baseUrl}/v.mp4?part=1`);
    expect(seen[0]).toBe("/v.mp4?part=1");
    const facts = await probeMedia(ToolInput.url(`${mount.baseUrl}/v.mp4`, "mov"), { tools, proxy, cwd });
    expect(facts).toMatchObject({ container: "mp4", video: { codec: "h264" }, audio: { codec: "aac" } });
    mount.close();
    await expect(ffmpeg(`${mount.baseUrl}/v.mp4`)).rejects.toMatchObject({ code: "egress_blocked" });
  });
});

describe("ffprobe", () => {
  test("never reaches an internal address", async () => {
    const url = inside("http://127.0.0.1:PORT/a.mp4");
    const input = ToolInput.url(url, "mov");
    await expect(probeMedia(input, { tools, proxy, cwd })).rejects.toMatchObject({ code: "egress_blocked" });
    expect(trapHits).toBe(0);
  });
});

describe("yt-dlp", () => {
  test.each(INSIDE)("never reaches %s, directly or by a redirect", async (url) => {
    await expect(extract(inside(url))).rejects.toMatchObject({ code: "egress_blocked" });
    await expect(extract(redirectTo(inside(url)))).rejects.toMatchObject({ code: "egress_blocked" });
    expect(trapHits).toBe(0);
  });

  test("never downloads an internal segment", async () => {
    origin.put("/inside.m3u8", hls(inside("http://127.0.0.1:PORT/s.ts")));
    const { info } = await extract(`${origin.url}/inside.m3u8`);
    const options = { paths: { home: cwd }, outtmpl: { default: "out.%(ext)s" }, fragment_retries: 0 };
    const download = pool.download(info, { options, timeoutMs: 20_000 });
    await expect(download).rejects.toMatchObject({ code: "egress_blocked" });
    expect(trapHits).toBe(0);
  });

  test.each(["rtmp", "rtsp", "mms", "ftp", "ws", "udp", "tcp"])("never connects to %s", async (scheme) => {
    const info = { id: "x", title: "x", ext: "mp4", url: inside(`${scheme}://127.0.0.1:PORT/a`) };
    const options = { paths: { home: cwd }, outtmpl: { default: "out.%(ext)s" } };
    await expect(pool.download(info, { options, timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "no_format",
    });
    expect(trapHits).toBe(0);
  });

  test("never lets the ffmpeg that records a live playlist reach an internal address", async () => {
    const files = ["http://127.0.0.1:PORT/s.ts", "http://localhost.:PORT/s.ts", "tcp://127.0.0.1:PORT/s.ts"];
    origin.put("/live.m3u8", hls(files.map(inside).join("\n#EXTINF:4,\n")));
    const url = `${origin.url}/live.m3u8`;
    const info = { id: "x", title: "x", ext: "mp4", url, protocol: "m3u8", is_live: true };
    const options = { paths: { home: cwd }, outtmpl: { default: "live.%(ext)s" } };
    await expect(pool.download(info, { options, timeoutMs: 20_000 })).rejects.toMatchObject({
      name: "Fault",
    });
    expect(trapHits).toBe(0);
  });

  test("never reads a file", async () => {
    await expect(extract("file:///etc/hostname")).rejects.toMatchObject({ name: "Fault" });
    await expect(extract(redirectTo("file:///etc/hostname"))).rejects.toMatchObject({ name: "Fault" });
  });
});

describe("proxy", () => {
  test("remembers only its own refusals", async () => {
    const other = await EgressProxy.start(policy);
    const known = proxy.blocked().length;
    const refused = pool.extract({ url: inside("http://127.0.0.1:PORT/"), timeoutMs: 20_000, proxy: other });
    await expect(refused).rejects.toMatchObject({ code: "egress_blocked" });
    expect(other.blocked()).toHaveLength(1);
    expect(other.blocked(1)).toHaveLength(0);
    expect(proxy.blocked(known)).toHaveLength(0);
    await other.close();
  });

  test("reaches the source through the operator's proxy, after checking the address", async () => {
    const upstreamPolicy = new EgressPolicy({ opened: new Set([origin.host]) });
    const upstream = await EgressProxy.start(upstreamPolicy);
    const chained = await EgressProxy.start(policy, {
      upstream: upstream.url.replace("//", "//user:secret@"),
    });
    origin.put("/chained.mp4", Buffer.from("media"));
    const run = { timeoutMs: 20_000, proxy: chained };
    await expect(pool.extract({ url: `${origin.url}/chained.mp4`, ...run })).resolves.toMatchObject({
      kind: "video",
    });
    const refused = pool.extract({ url: inside("http://127.0.0.1:PORT/"), ...run });
    await expect(refused).rejects.toMatchObject({ code: "egress_blocked" });
    expect(upstream.blocked()).toHaveLength(0);
    await chained.close();
    await upstream.close();
    upstreamPolicy.close();
  });

  test("answers a request that is not for a proxy with 400", async () => {
    const response = await fetch(`${proxy.url}/a`);
    expect(response.status).toBe(400);
  });
});
