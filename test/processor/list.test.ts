import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import type { Fault } from "../../processor/fault.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import { ExtractorPool } from "../../processor/tools/extractor.ts";
import type { ListPart } from "../../processor/tools/warm-ytdlp.ts";
import { ListLine, type WireEntry } from "../../schema/wire/probe.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { podcastFeed } from "../support/podcast-feed.ts";
import { podcastShow } from "../support/podcast-shows.ts";
import { listen } from "../support/ports.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

let origin: Origin;
let bench: ProcessorBench;

beforeAll(async () => {
  origin = await startOrigin({ bodies: { "/direct.mp4": await readFile(await media("mp4")) } });
  for (const count of [1, 142, 5_000]) {
    const feed = [...podcastFeed(podcastShow(count), origin.url)].join("");
    origin.put(`/${count}.xml`, Buffer.from(feed));
  }
  bench = await startProcessorBench([origin.host]);
  // the extractor's start counts towards the limit of the first caller
  await list("/direct.mp4");
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
});

function asking(path: string, change: object = {}): RequestInit {
  const headers = {
    authorization: `Bearer ${bench.config.processorToken}`,
    "content-type": "application/json",
  };
  const request = { v: 1, kind: "list", url: origin.url + path, timeout_ms: 30_000, max_entries: 5_001 };
  return { method: "POST", headers, body: JSON.stringify({ ...request, ...change }) };
}

const ask = async (path: string, change?: object): Promise<Response> =>
  bench.processor.app.request("/probe", asking(path, change));

async function list(path: string, change: object = {}): Promise<ListLine[]> {
  const response = await ask(path, change);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const lines = (await response.text()).trim().split("\n");
  return lines.map((line) => ListLine.parse(JSON.parse(line)));
}

const entriesOf = (lines: readonly ListLine[]): WireEntry[] => lines.filter((line) => line.type === "entry");
const touched = () => [...origin.hits.keys()].filter((path) => path.startsWith("/media/"));

describe("a list", () => {
  it.each([1, 142, 5_000])(
    "reports the %i items of a feed in its order, and touches none",
    async (count) => {
      const show = podcastShow(count);
      const lines = await list(`/${count}.xml`);
      expect(lines[0]).toEqual({ type: "list", v: 1, title: show.name, skipped: 0 });
      expect(lines.at(-1)).toEqual({ type: "end" });
      const open = show.episodes.filter(({ exclusive }) => !exclusive);
      expect(entriesOf(lines).map(({ url }) => url)).toEqual(
        open.map(({ path }) => `${origin.url}${path}?a=1&b=2`),
      );
      expect(entriesOf(lines)[0]).toMatchObject({
        title: `#1 - ${open[0]?.title}`,
        description: expect.stringContaining(`number ${count}`),
        release_date: open[0]?.date,
        unavailable: false,
      });
      expect(touched()).toEqual([]);
      // from a position on
      const rest = await list(`/${count}.xml`, { skip: count - 1, max_entries: 1 });
      const last = open.length === count ? [lines.at(-2)] : entriesOf(lines).slice(count - 1);
      expect(rest).toEqual([{ ...lines[0], skipped: count - 1 }, ...last, { type: "end" }]);
    },
    60_000,
  );

  it("ends after as many entries as were requested", async () => {
    expect(entriesOf(await list("/142.xml", { max_entries: 10 }))).toHaveLength(10);
  });

  it("has one item where the URL is a media item", async () => {
    const lines = await list("/direct.mp4");
    expect(entriesOf(lines)).toEqual([
      expect.objectContaining({ url: `${origin.url}/direct.mp4`, unavailable: false }),
    ]);
    expect(entriesOf(await list("/page.html"))).toEqual([
      expect.objectContaining({ url: `${origin.url}/page.html` }),
    ]);
  });

  it("contains the media of a page that has several", async () => {
    origin.put(
      "/two.html",
      Buffer.from('<title>Two</title><video src="/a.mp4"></video><video src="/b.mp4"></video>'),
    );
    expect(entriesOf(await list("/two.html")).map(({ url }) => url)).toEqual([
      `${origin.url}/a.mp4`,
      `${origin.url}/b.mp4`,
    ]);
  });

  it("is also found through a redirect", async () => {
    const lines = await list(`/redirect?to=${encodeURIComponent(`${origin.url}/1.xml`)}`);
    expect(entriesOf(lines)).toHaveLength(1);
  });

  it.each([
    ["ISO-8859-1", "latin1", ""],
    ["windows-1252", "latin1", "\n\n  "],
    ["UTF-8", "utf8", "\ufeff\n"],
    ["UTF-16", "utf16le", "\ufeff"],
  ] as const)(
    "is read from a feed in %s, by its declaration or byte order mark",
    async (name, encoding, front) => {
      const feed = `${front}<?xml version="1.0" encoding="${name}"?><rss><channel><title>Ü</title>
      <item><title>Grüße</title><enclosure url="/a.mp3"/></item></channel></rss>`;
      origin.put("/encoded.xml", Buffer.from(feed, encoding));
      const lines = await list("/encoded.xml");
      expect(lines[0]).toMatchObject({ title: "Ü" });
      expect(entriesOf(lines)).toMatchObject([
        { title: "Grüße", url: `${origin.url}/a.mp3`, authoritative: true },
      ]);
    },
  );

  it("is read from a feed in Shift_JIS, with relative addresses", async () => {
    const title = Buffer.from([0x93, 0xfa, 0x96, 0x7b]);
    const [before, after] = [
      `<?xml version='1.0' encoding='Shift_JIS'?><rss><channel><item><title>`,
      `</title><enclosure url="x.mp3"/></item></channel></rss>`,
    ];
    origin.put("/feeds/japan.xml", Buffer.concat([Buffer.from(before), title, Buffer.from(after)]));
    expect(entriesOf(await list("/feeds/japan.xml"))).toMatchObject([
      { title: "日本", url: `${origin.url}/feeds/x.mp3` },
    ]);
  });

  it("resolves the addresses of a feed by its declared base", async () => {
    const item = (base: string, url: string) =>
      `<item${base}><title>A</title><enclosure url="${url}"/></item>`;
    const feed = `<rss xml:base="/media/"><channel>${item("", "a.mp3")}${item("", "../b.mp3")}${item(
      ' xml:base="https://cdn.example.com/x/"',
      "c.mp3",
    )}${item("", "https://other.example.com/d.mp3")}</channel></rss>`;
    origin.put("/feeds/based.xml", Buffer.from(feed));
    expect(entriesOf(await list("/feeds/based.xml")).map(({ url }) => url)).toEqual([
      ...[`${origin.url}/media/a.mp3`, `${origin.url}/b.mp3`],
      ...["https://cdn.example.com/x/c.mp3", "https://other.example.com/d.mp3"],
    ]);
  });

  it.each([
    [
      "Media RSS",
      '<rss xmlns:media="http://search.yahoo.com/mrss/"><channel><item><title>A</title><link>/page</link>' +
        '<media:group><media:content url="/a.jpg" type="image/jpeg"/><media:content url="/a.mp3" type="audio/mpeg"/>' +
        "</media:group></item></channel></rss>",
    ],
    [
      "a picture in front of the audio",
      '<rss><channel><item><title>A</title><enclosure url="/a.jpg" type="image/jpeg"/>' +
        '<enclosure url="/a.mp3" type="audio/mpeg"/></item></channel></rss>',
    ],
    [
      "Atom",
      '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title><updated>2026-01-02T00:00:00Z</updated>' +
        '<link href="/page"/><link rel="enclosure" type="audio/mpeg" href="/a.mp3"/></entry></feed>',
    ],
  ])("takes the audio of a feed's item: %s", async (_kind, feed) => {
    origin.put("/other.xml", Buffer.from(`<?xml version="1.0"?>${feed}`));
    expect(entriesOf(await list("/other.xml"))).toMatchObject([{ title: "A", url: `${origin.url}/a.mp3` }]);
  });

  it("reads a JSON feed, with the audio of its items", async () => {
    const attachments = [
      { url: "/a.jpg", mime_type: "image/jpeg" },
      { url: "a.mp3", mime_type: "audio/mpeg", duration_in_seconds: 12 },
    ];
    const item = { id: "1", title: "A & B", date_published: "2026-01-02T03:04:05Z", attachments };
    const feed = { version: "https://jsonfeed.org/version/1.1", title: "Show", items: [item, null] };
    origin.put("/feeds/feed.json", Buffer.from(JSON.stringify(feed)));
    const lines = await list("/feeds/feed.json");
    expect(lines[0]).toMatchObject({ title: "Show" });
    expect(entriesOf(lines)).toMatchObject([
      { title: "A & B", url: `${origin.url}/feeds/a.mp3`, release_date: "2026-01-02", authoritative: true },
    ]);
  });

  it("recognises a feed with bad markup as a feed", async () => {
    origin.put(
      "/bad.xml",
      Buffer.from('<?xml version="1.0"?><rss><channel><item><title>A & B</title></rss>'),
    );
    expect(await list("/bad.xml")).toEqual([
      { type: "failed", code: "invalid_feed", subject: null, retry_after_ms: null },
    ]);
  });

  it.each([
    ["/empty.html", "unsupported_url"],
    ["/status/404", "unavailable"],
    ["/status/503", "network"],
  ])("reports by error class why there is none: %s", async (path, code) => {
    expect(await list(path)).toEqual([{ type: "failed", code, subject: null, retry_after_ms: null }]);
  });

  it("reaches no private address", async () => {
    const lines = await list("", { url: "http://127.0.0.1:9/feed.xml" });
    expect(lines).toEqual([expect.objectContaining({ type: "failed", code: "egress_blocked" })]);
  });

  it("takes no slot of a run, and requires a valid request", async () => {
    expect(bench.processor.runs.size).toBe(0);
    expect((await ask("/1.xml", { timeout_ms: 0 })).status).toBe(400);
  });
});

describe("the extraction of a list", () => {
  it("is killed when it takes too long, and the response says so", async () => {
    origin.behave("/hangs.xml", { hang: true });
    expect(await list("/hangs.xml", { timeout_ms: 300 })).toEqual([{ type: "late" }]);
    await origin.idle();
  });

  it("is killed when the client no longer reads the list", async () => {
    origin.behave("/left.xml", { hang: true });
    const response = await ask("/left.xml");
    await origin.waitForHit("/left.xml");
    await response.body?.cancel();
    // the connection that it held is closed with it
    await origin.idle();
  });

  it("is killed when the client's connection is gone", async () => {
    origin.behave("/cut.xml", { hang: true });
    const server = createAdaptorServer({ fetch: bench.processor.app.fetch }) as Server;
    const port = await listen(server);
    const abort = new AbortController();
    const response = await fetch(`http://127.0.0.1:${port}/probe`, {
      ...asking("/cut.xml"),
      signal: abort.signal,
    });
    const end = response.text().catch(() => "cut");
    await origin.waitForHit("/cut.xml");
    abort.abort();
    expect(await end).toBe("cut");
    await origin.idle();
    await new Promise((resolve) => server.close(resolve));
  });

  it("is refused while as many others as allowed are running", async () => {
    origin.behave("/held.xml", { hang: true });
    const held = await Promise.all(Array.from({ length: 4 }, () => ask("/held.xml")));
    const refused = await ask("/1.xml");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    await Promise.all(held.map(({ body }) => body?.cancel()));
    expect((await ask("/1.xml")).status).toBe(200);
  });
});

/** A site as the plugins of yt-dlp may know it: lazy, endless, with nested lists. */
const CHANNEL = `
import itertools
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import ExtractorError

class ChannelIE(InfoExtractor):
    _VALID_URL = r'https?://channel\\.example/(?P<id>\\w+)'

    def _real_extract(self, url):
        kind = self._match_id(url)
        if kind == 'short':
            return self.url_result('http://channel.example/tabs')
        if kind == 'broken':
            return self.playlist_result(self.broken(), playlist_title='Broken')
        tabs = [self.playlist_result(itertools.islice(self.videos('v'), 3)), self.playlist_result(self.videos('s'))]
        return self.playlist_result(tabs, playlist_title='Tabs')

    def videos(self, name):
        for number in itertools.count():
            title = ('One', '[Private video]', '[Deleted video]')[number % 3]
            yield self.url_result(f'http://channel.example/{name}{number}', video_id=f'{name}{number}', video_title=title)

    def broken(self):
        yield next(self.videos('b'))
        raise ExtractorError('This playlist is private', expected=True)
`;

describe("a site that reports its list in pieces", () => {
  let folder: string;
  let pool: ExtractorPool;
  let proxy: EgressProxy;
  const policy = new EgressPolicy({ opened: new Set() });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "list-plugin-"));
    await mkdir(join(folder, "yt_dlp_plugins/extractor"), { recursive: true });
    await writeFile(join(folder, "yt_dlp_plugins/extractor/channel.py"), CHANNEL);
    const tools = await discoverTools(bench.config);
    // plugins are loaded when such a provider is configured
    const config = { ...bench.config, workDir: folder, ytdlpPotProviderUrl: "http://127.0.0.1:9" };
    proxy = await EgressProxy.start(policy);
    const ytdlp = { ...tools.ytdlp, pythonPath: folder };
    pool = new ExtractorPool({ tools: { ...tools, ytdlp }, proxy, config });
    await pool.ready();
  }, 60_000);

  afterAll(async () => {
    await pool.close();
    await proxy.close();
    policy.close();
    await rm(folder, { recursive: true });
  });

  async function report(kind: string): Promise<{ parts: ListPart[]; code: string | null }> {
    const parts: ListPart[] = [];
    const request = { url: `http://channel.example/${kind}`, timeoutMs: 20_000, maxEntries: 5, skip: 0 };
    const reported = pool.list(request, (part) => parts.push(part));
    const code = await reported.then(
      () => null,
      (error: Fault) => error.code,
    );
    return { parts, code };
  }

  it("is asked for no more than needed, including nested lists", async () => {
    const { parts, code } = await report("short");
    expect(code).toBeNull();
    expect(parts.map((part) => ("list" in part ? part.list : part.entry.id))).toEqual([
      ...["Tabs", "v0", "v1", "v2", "s0", "s1"],
    ]);
    const hidden = parts.map((part) => "entry" in part && part.entry.unavailable);
    expect(hidden).toEqual([false, false, true, true, false, true]);
  });

  it("may break off, which is reported by its error class", async () => {
    const { parts, code } = await report("broken");
    expect([parts.length, code]).toEqual([2, "private"]);
  });
});

describe("a run for a list that was not requested as one", () => {
  it("ends as is_playlist", async () => {
    expect(await bench.run(`${origin.url}/142.xml`)).toMatchObject({ type: "failed", code: "is_playlist" });
    expect(touched()).toEqual([]);
  });
});
