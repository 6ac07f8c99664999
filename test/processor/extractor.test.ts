import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ProcessorConfig, readConfig } from "../../processor/config.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { discoverTools, type Tools } from "../../processor/tools/discover.ts";
import { liveToolCount } from "../../processor/tools/exec.ts";
import { type Extraction, ExtractorPool } from "../../processor/tools/extractor.ts";
import { downloadWithTool } from "../../processor/tools/ytdlp-download.ts";
import { media, mediaFolder } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { isAlive } from "../support/processes.ts";

let tools: Tools;
let config: ProcessorConfig;
let cwd: string;
let origin: Origin;
let policy: EgressPolicy;
let proxy: EgressProxy;
let pool: ExtractorPool;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "extractor-test-"));
  config = readConfig({
    ...process.env,
    WORKER_URL: "http://127.0.0.1:1",
    PROCESSOR_TOKEN: "0123456789abcdef",
    WORK_DIR: join(cwd, "pool"),
  });
  const root = await mediaFolder({ "direct.mp4": ["mp4"], hls: ["hls-ts"], dash: ["dash"] });
  [tools, origin] = await Promise.all([discoverTools(config), startOrigin({ root })]);
  policy = new EgressPolicy({ opened: new Set([origin.host]) });
  proxy = await EgressProxy.start(policy);
  pool = new ExtractorPool({ tools, proxy, config });
  await pool.ready();
});

afterAll(async () => {
  await pool.close();
  expect(liveToolCount()).toBe(0);
  await proxy.close();
  policy.close();
  await origin.close();
  await rm(cwd, { recursive: true });
});

const extract = (path: string, options = {}) =>
  pool.extract({ url: origin.url + path, options, timeoutMs: 20_000 });

/** An extractor as plugins bring it. */
const PLUGIN = `
from yt_dlp.extractor.common import InfoExtractor
class BroughtIE(InfoExtractor):
    _VALID_URL = r'https?://plugin\\.example/(?P<id>\\w+)'
    def _real_extract(self, url):
        return {'id': self._match_id(url), 'title': 'By a plugin', 'formats': [{'url': 'https://plugin.example/a.mp4'}]}
`;

function videoOf(extraction: Extraction) {
  if (extraction.kind !== "video") throw new Error(`a ${extraction.kind}`);
  return extraction;
}

describe("the operator's plugins", () => {
  async function byPlugin(potProvider: string | undefined): Promise<string> {
    const pythonPath = join(cwd, "plugins");
    await mkdir(join(pythonPath, "yt_dlp_plugins", "extractor"), { recursive: true });
    await writeFile(join(pythonPath, "yt_dlp_plugins", "extractor", "brought.py"), PLUGIN);
    const paths = [pythonPath, tools.ytdlp.pythonPath].filter((path) => path !== undefined).join(":");
    const own = new ExtractorPool({
      tools: { ...tools, ytdlp: { ...tools.ytdlp, pythonPath: paths } },
      ...{ proxy, config: { ...config, ytdlpPotProviderUrl: potProvider } },
    });
    try {
      const asked = { url: "http://plugin.example/one", options: {}, timeoutMs: 20_000 };
      const found = await own.extract(asked).catch((error: unknown) => error);
      return found instanceof Error ? "none" : (videoOf(found as Extraction).info.title ?? "");
    } finally {
      await own.close();
    }
  }

  test("are loaded when there is a PO-token provider, and otherwise not", async () => {
    expect(await byPlugin("http://tokens.example:4416")).toBe("By a plugin");
    expect(await byPlugin(undefined)).toBe("none");
  });
});

function page(path: string, body: string): void {
  origin.put(path, Buffer.from(`<!doctype html><title>Page</title>${body}`));
}

describe("extraction", () => {
  test("treats a media file as its own only format", async () => {
    const { info, requested } = videoOf(await extract("/direct.mp4"));
    expect(requested).toEqual([expect.objectContaining({ url: `${origin.url}/direct.mp4`, ext: "mp4" })]);
    expect(requested[0]?.http_headers).toHaveProperty("User-Agent");
    expect(info.formats).toHaveLength(1);
  });

  test("finds the media that a page names", async () => {
    page(
      "/named.html",
      '<meta property="og:video" content="/direct.mp4"><meta property="og:title" content="Drops &amp; falls">',
    );
    const { info, requested } = videoOf(await extract("/named.html"));
    expect(info.title).toBe("Drops & falls");
    expect(requested[0]?.url).toBe(`${origin.url}/direct.mp4`);
    expect(info.formats?.[0]?.url).toBe(`${origin.url}/direct.mp4`);
  });

  test("lists HLS variants", async () => {
    const { requested } = videoOf(await extract("/hls/index.m3u8"));
    expect(requested[0]?.protocol).toMatch(/^m3u8/);
  });

  test("chooses by the caller's selector, with separate video and audio", async () => {
    const { requested } = videoOf(await extract("/dash/index.mpd", { format: "bv+ba" }));
    expect(requested).toHaveLength(2);
    expect(requested[0]).toMatchObject({ acodec: "none" });
    expect(requested[1]).toMatchObject({ vcodec: "none" });
  });

  test("chooses nothing when no format fits", async () => {
    const { requested, info } = videoOf(await extract("/dash/index.mpd", { format: "bv[height>9000]" }));
    expect(requested).toEqual([]);
    expect(info.formats?.length).toBeGreaterThan(0);
  });

  test("recognises protected media by its manifest", async () => {
    const manifest = await readFile(await media("dash"), "utf8");
    const scheme = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";
    const locked = manifest.replaceAll(
      /<AdaptationSet[^>]*>/g,
      `$&<ContentProtection schemeIdUri="${scheme}"/>`,
    );
    origin.put("/locked.mpd", Buffer.from(locked));
    await expect(extract("/locked.mpd")).rejects.toMatchObject({ code: "drm" });
  });

  test("trusts the media playlist about keys that a master playlist lists only for licensed players", async () => {
    const licensed = 'METHOD=SAMPLE-AES,URI="skd://a",KEYFORMAT="com.apple.streamingkeydelivery"';
    const put = (name: string, ...lines: readonly string[]) =>
      origin.put(`/${name}`, Buffer.from(["#EXTM3U", ...lines, ""].join("\n")));
    const segment = ["#EXT-X-TARGETDURATION:4", `#EXT-X-KEY:${licensed}`, "#EXTINF:4,", "1.ts"];
    put("open/media.m3u8", '#EXT-X-KEY:METHOD=AES-128,URI="k"', ...segment);
    put("closed/media.m3u8", ...segment);
    for (const folder of ["open", "closed"])
      put(
        `${folder}/master.m3u8`,
        ...[`#EXT-X-SESSION-KEY:${licensed}`, "#EXT-X-STREAM-INF:BANDWIDTH=900000", "media.m3u8"],
      );
    expect(videoOf(await extract("/open/master.m3u8")).requested).toHaveLength(1);
    await expect(extract("/closed/master.m3u8")).rejects.toMatchObject({ code: "drm" });
    await expect(extract("/closed/media.m3u8")).rejects.toMatchObject({ code: "drm" });
  });

  test("reports that a page is a list, and touches none of its entries", async () => {
    const videos = Array.from({ length: 30 }, (_, i) => `<video src="/entry-${i}.mp4"></video>`);
    page("/list.html", videos.join(""));
    const response = await extract("/list.html");
    expect(response).toMatchObject({ kind: "playlist", type: "playlist" });
    expect(response.kind === "playlist" && response.entries).toHaveLength(5);
    expect([...origin.hits.keys()].filter((path) => path.startsWith("/entry-"))).toEqual([]);
  });

  test("transfers a response of many megabytes completely", async () => {
    const words = "w".repeat(3 << 20);
    page(
      "/long.html",
      `<meta property="og:video" content="/direct.mp4"><meta property="og:description" content="${words}">`,
    );
    const { info } = videoOf(await extract("/long.html"));
    expect(info.description).toHaveLength(words.length);
  });

  test("names the host that does not exist", async () => {
    const lookup = async (host: string) => {
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
    };
    const nowhere = new EgressPolicy({ opened: new Set(), lookup });
    const own = await EgressProxy.start(nowhere);
    for (const scheme of ["http", "https"]) {
      const url = `${scheme}://gone.example.org/talk.mp4`;
      const failing = pool.extract({ url, options: {}, timeoutMs: 20_000, proxy: own });
      await expect(failing).rejects.toMatchObject({
        report: { code: "host_not_found", subject: "gone.example.org" },
      });
    }
    await own.close();
    nowhere.close();
  });

  test("classifies errors by the table of errors", async () => {
    await expect(extract("/empty.html")).rejects.toMatchObject({ code: "unsupported_url" });
    await expect(extract("/missing.html")).rejects.toMatchObject({ code: "unavailable" });
    await expect(extract("/status/403")).rejects.toMatchObject({ code: "forbidden" });
    await expect(extract("/status/503")).rejects.toMatchObject({ code: "network" });
    origin.put("/limited", Buffer.alloc(1));
    origin.behave("/limited", { status: 429, retryAfterSeconds: 7 });
    await expect(extract("/limited")).rejects.toMatchObject({ code: "rate_limited", retryAfterMs: 7000 });
  });
});

describe("cookies and the operator's settings", () => {
  test("are sent from memory, reported for each format, and come back as the site changed them", async () => {
    const text = "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\tcanary\n";
    origin.put("/guarded.mp4", await readFile(await media("mp4")));
    origin.behave("/guarded.mp4", { cookie: "sid=canary", headers: { "set-cookie": "sid=canary2; Path=/" } });
    await expect(extract("/guarded.mp4")).rejects.toMatchObject({ code: "forbidden" });
    const guarded = new ExtractorPool({
      tools,
      proxy,
      config: { ...config, ytdlpUserAgent: "Spout/1" },
    });
    const learn = vi.fn<(jar: string) => void>();
    const url = `${origin.url}/guarded.mp4`;
    const response = videoOf(
      await guarded.extract({ url, timeoutMs: 20_000, session: { text, learn, exit: null } }),
    );
    await guarded.close();
    expect(response.requested[0]?.cookie_header).toBe("sid=canary2");
    expect(learn.mock.calls).toEqual([
      [expect.stringMatching(/127\.0\.0\.1\tFALSE\t\/\tFALSE\t0\tsid\tcanary2\n$/)],
    ]);
    expect(response.requested[0]?.http_headers?.["User-Agent"]).toBe("Spout/1");
    // the folder of a parent that has ended is removed while the test looks
    const left = async () => {
      const entries = await readdir(join(cwd, "pool/extractor"), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory());
    };
    await expect.poll(() => left().catch(() => null), { timeout: 10_000 }).toEqual([]);
  });
});

describe("tasks", () => {
  test("run in parallel without seeing each other's cookies", async () => {
    const jar = (value: string) =>
      `# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\t${value}\n`;
    const names = ["a", "b", "c", "d"];
    const responses = await Promise.all(
      names.map(async (name) => {
        const cookiefile = join(cwd, `${name}.txt`);
        await writeFile(cookiefile, jar(name));
        return videoOf(await extract("/direct.mp4", { cookiefile }));
      }),
    );
    expect(responses.map(({ requested }) => requested[0]?.cookie_header)).toEqual(
      names.map((name) => `sid=${name}`),
    );
    expect(videoOf(await extract("/direct.mp4")).requested[0]?.cookie_header).toBeUndefined();
  });

  test("are killed on abort, and the parent survives", async () => {
    const parent = pool.pid;
    const reason = new Error("cancelled");
    const abort = new AbortController();
    origin.put("/hang-abort", Buffer.alloc(1));
    origin.behave("/hang-abort", { hang: true });
    const task = pool.extract({ url: `${origin.url}/hang-abort`, signal: abort.signal, timeoutMs: 20_000 });
    task.catch(() => {});
    await origin.waitForHit("/hang-abort");
    abort.abort(reason);
    await expect(task).rejects.toBe(reason);
    await extract("/direct.mp4");
    expect(pool.pid).toBe(parent);
  });

  test("are killed when they take too long", async () => {
    origin.put("/hang-late", Buffer.alloc(1));
    origin.behave("/hang-late", { hang: true });
    const task = pool.extract({ url: `${origin.url}/hang-late`, timeoutMs: 300 });
    await expect(task).rejects.toMatchObject({ code: "timeout" });
  });

  test("fail when the parent is killed, and the next one gets a new parent", async () => {
    const parent = pool.pid ?? 0;
    origin.put("/hang-parent", Buffer.alloc(1));
    origin.behave("/hang-parent", { hang: true });
    const task = extract("/hang-parent");
    task.catch(() => {});
    await origin.waitForHit("/hang-parent");
    process.kill(parent, "SIGKILL");
    await expect(task).rejects.toMatchObject({ code: "internal" });
    await expect(extract("/direct.mp4")).resolves.toMatchObject({ kind: "video" });
    expect(pool.pid).not.toBe(parent);
    expect(isAlive(parent)).toBe(false);
  });

  test("find a warm parent when theirs has died or grown old", async () => {
    const parent = pool.pid ?? 0;
    process.kill(parent, "SIGKILL");
    await vi.waitFor(() => expect(pool.pid).not.toBe(parent));
    const recycling = new ExtractorPool({ tools, proxy, config, maxUses: 2 });
    const request = { url: `${origin.url}/direct.mp4`, timeoutMs: 20_000 };
    const others = liveToolCount();
    await recycling.extract(request);
    expect(liveToolCount()).toBe(others + 1);
    await recycling.extract(request);
    const first = recycling.pid;
    expect(liveToolCount()).toBe(others + 2);
    await recycling.extract(request);
    expect(recycling.pid).not.toBe(first);
    await recycling.close();
    expect(liveToolCount()).toBe(others);
  });

  test("do not wait for a URL on which an extractor's pattern never finishes", async () => {
    const plugins = join(cwd, "plugins", "yt_dlp_plugins", "extractor");
    await mkdir(plugins, { recursive: true });
    const plugin = `from yt_dlp.extractor.common import InfoExtractor

class EndlessIE(InfoExtractor):
    _VALID_URL = r'https?://[^/]+/(a|a)+$'
`;
    await writeFile(join(plugins, "endless.py"), plugin);
    const { pythonPath } = tools.ytdlp;
    const paths = [join(cwd, "plugins"), ...(pythonPath === undefined ? [] : [pythonPath])];
    const hardened = new ExtractorPool({
      ...{ proxy, tools: { ...tools, ytdlp: { ...tools.ytdlp, pythonPath: paths.join(":") } } },
      config: { ...config, ytdlpPotProviderUrl: "http://127.0.0.1:9" },
    });
    await hardened.ready();
    const parent = hardened.pid;
    const endless = hardened.extract({ url: `${origin.url}/${"a".repeat(60)}b`, timeoutMs: 2_000 });
    endless.catch(() => {});
    const usual = hardened.extract({ url: `${origin.url}/direct.mp4`, timeoutMs: 20_000 });
    await expect(usual).resolves.toMatchObject({ kind: "video" });
    await expect(endless).rejects.toMatchObject({ code: "timeout" });
    expect(hardened.pid).toBe(parent);
    await hardened.close();
  });

  test("move to a fresh parent after a number of uses, and end with the pool, which accepts no more", async () => {
    const recycling = new ExtractorPool({ tools, proxy, config, maxUses: 1 });
    const url = `${origin.url}/hang-close`;
    origin.put("/hang-close", Buffer.alloc(1));
    await recycling.extract({ url: `${origin.url}/direct.mp4`, timeoutMs: 20_000 });
    const first = recycling.pid ?? 0;
    origin.behave("/hang-close", { hang: true });
    const task = recycling.extract({ url, timeoutMs: 20_000 });
    task.catch(() => {});
    await origin.waitForHit("/hang-close");
    expect(recycling.pid).not.toBe(first);
    await recycling.close();
    expect(isAlive(first)).toBe(false);
    await expect(task).rejects.toMatchObject({ code: "internal" });
    await expect(recycling.extract({ url, timeoutMs: 1000 })).rejects.toMatchObject({ code: "internal" });
  });
});

describe("yt-dlp's own download", () => {
  async function folderFor(name: string): Promise<string> {
    const folder = join(cwd, name);
    await mkdir(folder);
    return folder;
  }

  test("writes each chosen format of an earlier extraction to a separate file, with progress", async () => {
    const { info, requested } = videoOf(await extract("/dash/index.mpd", { format: "bv+ba" }));
    const manifests = origin.hits.get("/dash/index.mpd");
    const folder = await folderFor("dash");
    const seen: number[] = [];
    const paths = await downloadWithTool({
      pool,
      info,
      formatIds: requested.map(({ format_id }) => format_id),
      folder,
      timeoutMs: 20_000,
      onProgress: ({ bytes }) => seen.push(bytes),
    });
    expect(paths).toHaveLength(2);
    for (const path of paths) expect((await stat(path)).size).toBeGreaterThan(1000);
    expect(seen.at(-1)).toBeGreaterThan(1000);
    expect(origin.hits.get("/dash/index.mpd")).toBe(manifests);
  });

  test("fails when the source fails", async () => {
    const { info, requested } = videoOf(await extract("/direct.mp4"));
    origin.behave("/direct.mp4", { status: 403 });
    const formatIds = requested.map(({ format_id }) => format_id);
    const folder = await folderFor("refused");
    const download = downloadWithTool({ pool, info, formatIds, folder, timeoutMs: 20_000 });
    await expect(download).rejects.toMatchObject({ code: "forbidden" });
    origin.behave("/direct.mp4", {});
  });
});
