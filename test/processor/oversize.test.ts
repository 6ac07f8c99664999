import { mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../processor/config.ts";
import type { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { LiveSource } from "../../processor/hls/live-source.ts";
import { HlsSource } from "../../processor/hls/source.ts";
import { fetchSmall } from "../../processor/stages/extras/fetch-small.ts";
import type { Source } from "../../processor/stages/source.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import { ExtractorPool } from "../../processor/tools/extractor.ts";
import { clientFor } from "../support/egress.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { listen } from "../support/ports.ts";

/** Endless responses: each reader stops on its own, soon after its limit. The origin counts what was sent. */

const MiB = 1 << 20;
/** What a connection buffers between sender and reader. */
const IN_FLIGHT_BYTES = 8 * MiB;

let endless: http.Server;
let endlessUrl: string;
let sent = 0;
let client: HttpClient;
let policy: EgressPolicy;

beforeAll(async () => {
  const piece = Buffer.alloc(64 << 10, "k");
  endless = http.createServer((request, response) => {
    if (request.url?.endsWith(".m3u8")) {
      const key = '#EXT-X-KEY:METHOD=AES-128,URI="/key"';
      const live = request.url.includes("live") ? "" : "\n#EXT-X-ENDLIST";
      response.end(`#EXTM3U\n#EXT-X-TARGETDURATION:4\n${key}\n#EXTINF:4,\n/segment.ts${live}\n`);
      return;
    }
    if (request.url === "/segment.ts") {
      response.end(Buffer.alloc(1888));
      return;
    }
    if (request.url?.endsWith(".html")) response.setHeader("content-type", "text/html").write("<html>");
    const write = () => {
      while (!response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) {
          response.once("drain", write);
          return;
        }
      }
    };
    write();
  });
  const host = `127.0.0.1:${await listen(endless)}`;
  endlessUrl = `http://${host}`;
  ({ client, policy } = clientFor(host));
});

afterAll(() => {
  policy.close();
  endless.closeAllConnections();
  endless.close();
});

const { signal } = new AbortController();

describe("an endless response", () => {
  test("instead of a key is not a key", async () => {
    sent = 0;
    const source = new HlsSource(client, { url: `${endlessUrl}/a.m3u8`, signal });
    const read = async () => {
      for await (const _batch of source.read(signal));
    };
    await expect(read()).rejects.toMatchObject({ code: "drm" });
    source.close();
    expect(sent).toBeLessThan(IN_FLIGHT_BYTES);
  });

  test("instead of a live stream's key is not a key", async () => {
    sent = 0;
    const options = { url: `${endlessUrl}/live.m3u8`, headers: {}, signal, stallMs: 1000 };
    const source = new LiveSource(client, options);
    const news = await source.follow({ after: null, fromStart: true, isEnough: () => false }).next();
    const segment = news.done ? undefined : news.value.segments[0];
    if (!segment) throw new Error("the playlist names no segment");
    await expect(source.read(segment)).rejects.toMatchObject({ code: "drm" });
    expect(sent).toBeLessThan(IN_FLIGHT_BYTES);
  });

  test("instead of a live segment is given up at its limit", async () => {
    sent = 0;
    const options = { url: `${endlessUrl}/live.m3u8`, headers: {}, signal, stallMs: 1000 };
    const read = new LiveSource(client, options).read({ url: `${endlessUrl}/huge`, key: null });
    await expect(read).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(sent).toBeLessThan(64 * MiB + IN_FLIGHT_BYTES);
  });

  test("instead of a playlist is given up at its limit", async () => {
    sent = 0;
    const source = new HlsSource(client, { url: `${endlessUrl}/huge`, signal });
    await expect(source.open(source.entryPath)).rejects.toMatchObject({ name: "Fault" });
    expect(sent).toBeLessThan(16 * MiB + IN_FLIGHT_BYTES);
  });

  test("instead of a thumbnail or subtitles is given up at its limit", async () => {
    sent = 0;
    const source = { streams: [{ url: endlessUrl, headers: {} }] } as unknown as Source;
    const read = fetchSmall({ client }, source, { url: `${endlessUrl}/huge`, maxBytes: MiB, signal });
    await expect(read).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(sent).toBeLessThan(MiB + IN_FLIGHT_BYTES);
  });
});

describe("a page", () => {
  const PAGE_BYTES = 2 * MiB;
  let origin: Origin;
  let pagePolicy: EgressPolicy;
  let proxy: EgressProxy;
  let pool: ExtractorPool;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "oversize-"));
    origin = await startOrigin();
    const config = readConfig({
      ...process.env,
      ...{ WORKER_URL: "http://127.0.0.1:1", PROCESSOR_TOKEN: "0123456789abcdef", WORK_DIR: folder },
      YTDLP_PAGE_BYTES: `${PAGE_BYTES}`,
    });
    const tools = await discoverTools(config);
    pagePolicy = new EgressPolicy({ opened: new Set([origin.host, new URL(endlessUrl).host]) });
    proxy = await EgressProxy.start(pagePolicy);
    pool = new ExtractorPool({ tools, proxy, config });
    await pool.ready();
  });

  afterAll(async () => {
    await pool.close();
    await proxy.close();
    pagePolicy.close();
    await origin.close();
    await rm(folder, { recursive: true, force: true });
  });

  const extract = (url: string) => pool.extract({ url, timeoutMs: 25_000 });

  function serve(path: string, body: Buffer, encoding: string): string {
    origin.put(path, body);
    origin.behave(path, { noRanges: true, headers: { "content-encoding": encoding } });
    return origin.url + path;
  }

  const html = (bytes: number) =>
    Buffer.from(`<meta property="og:video" content="/v.mp4"><title>t</title>${" ".repeat(bytes)}`);

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["deflate", deflateRawSync],
  ] as const)(
    "compressed with %s is read up to the limit, and not a byte further",
    async (encoding, pack) => {
      const small = serve(`/small-${pack.name}.html`, pack(html(1000)), encoding);
      await expect(extract(small)).resolves.toMatchObject({ kind: "video" });
      const bomb = pack(html(64 * MiB));
      expect(bomb.length).toBeLessThan(PAGE_BYTES);
      await expect(extract(serve(`/bomb-${pack.name}.html`, bomb, encoding))).rejects.toMatchObject({
        code: "limit_exceeded",
      });
    },
  );

  test("compressed twice, or with a method that cannot be stopped midway, is not decompressed", async () => {
    const twice = gzipSync(gzipSync(html(64 * MiB)));
    const brotli = brotliCompressSync(html(64 * MiB));
    for (const [path, body, encoding] of [
      ["/twice.html", twice, "gzip, gzip"],
      ["/brotli.html", brotli, "br"],
    ] as const) {
      // the compressed bytes are not a page; their kind is reported when their first bytes are checked
      const found = await extract(serve(path, body, encoding));
      expect(found.info, path).toMatchObject({ ext: "unknown_video" });
    }
  });

  test("without an end is given up at the limit", async () => {
    sent = 0;
    await expect(extract(`${endlessUrl}/page.html`)).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(sent).toBeLessThan(PAGE_BYTES + 2 * IN_FLIGHT_BYTES);
  });

  test("that announces more than the limit is not read", async () => {
    // more than the buffers of all sockets on the way hold
    origin.put("/large.html", html(64 * MiB));
    await expect(extract(`${origin.url}/large.html`)).rejects.toMatchObject({ code: "limit_exceeded" });
    expect(origin.bytes.get("/large.html")).toBeLessThan(64 * MiB);
  });
});
