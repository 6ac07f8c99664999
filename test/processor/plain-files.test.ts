import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SourceSession } from "../../processor/cookies/source-session.ts";
import { HttpClient } from "../../processor/egress/http-client.ts";
import { EgressPolicy } from "../../processor/egress/policy.ts";
import { EgressProxy } from "../../processor/egress/proxy.ts";
import { openRangeSource } from "../../processor/egress/range-source.ts";
import { openPlainFile } from "../../processor/stages/plain/plain-file.ts";
import { formatSort } from "../../processor/stages/select.ts";
import { discoverTools } from "../../processor/tools/discover.ts";
import { ExtractorPool } from "../../processor/tools/extractor.ts";
import type { YtdlpInfo } from "../../processor/tools/ytdlp-info.ts";
import { plan } from "../../schema/media.ts";
import type { Delivery } from "../../schema/wire/callback.ts";
import { NO_COOKIES } from "../../schema/wire/cookies.ts";
import { media } from "../support/media.ts";
import { type PlainPath, type PlainSite, startPlainSite } from "../support/plain-site.ts";
import { type ProcessorBench, startProcessorBench } from "../support/processor.ts";

/** Plain media files, next to what yt-dlp makes of them when it asks for them itself. */

const DATE = "Sun, 29 Nov 2026 10:11:12 GMT";
const [mp3, mp4, webm, m4a, opus, flac] = await Promise.all(
  (["audio-mp3", "mp4", "webm", "audio-m4a", "audio-opus", "audio-flac"] as const).map(async (kind) =>
    readFile(await media(kind)),
  ),
);
const page = Buffer.from("<!doctype html><title>A page</title><p>Nothing to see</p>");
const typed = (
  type: string,
  body: Buffer | undefined,
  more: Readonly<Record<string, string>> = {},
): PlainPath => ({
  headers: { "content-type": type, ...more },
  ...(body ? { body } : {}),
});
const redirect = (status: number, location: string): PlainPath => ({ status, headers: { location } });

/** What is delivered without an extraction, and in the same way as with one. */
const FILES: Readonly<Record<string, PlainPath>> = {
  "/audio.mp3": typed("audio/mpeg", mp3, { "last-modified": DATE }),
  "/undated.mp3": typed("audio/mpeg", mp3),
  "/misdated.mp3": typed("audio/mpeg", mp3, { "last-modified": "yesterday" }),
  "/film.mp4": typed("video/mp4", mp4),
  "/film.m4v": typed("video/x-m4v; charset=binary", mp4),
  "/film.mov": typed("video/quicktime", mp4),
  "/talk.m4a": typed("audio/x-m4a", m4a),
  "/book.m4b": typed("audio/mp4", m4a),
  "/other.mp3": typed("audio/mp4", m4a),
  "/film.webm": typed("video/webm", webm),
  "/sound.weba": typed("audio/webm", webm),
  "/voice.ogg": typed("application/ogg", opus),
  "/voice.opus": typed("audio/ogg; codecs=opus", opus),
  "/music.flac": typed("audio/flac", flac),
  "/odd.mp3": typed("audio/x-made-up", mp3),
  "/loud.mp3": typed("AUDIO/MPEG", mp3),
  "/stored.mp4": typed("application/octet-stream", mp4, { "last-modified": DATE }),
  "/stored.mp3": typed("binary/octet-stream", mp3),
  "/stored.mkv": typed("application/octet-stream", webm),
  "/stored.m4b": typed("application/force-download", m4a),
  "/untyped.mp4": { body: mp4 ?? page },
  "/mistyped.mp3": typed("text/plain", mp3),
  "/named.mp3": typed("audio/mpeg", mp3, { "content-disposition": 'attachment; filename="Elsewhere.wav"' }),
  "/a%20b%2C%20c.mp3": typed("audio/mpeg", mp3),
  "/episode.1.2.mp3": typed("audio/mpeg", mp3),
  "/%C3%BCber%20%E5%90%8D.mp3": typed("audio/mpeg", mp3),
  "/a+b(1)'!*.mp3": typed("audio/mpeg", mp3),
  "/LOUD.MP3": typed("audio/mpeg", mp3),
  "/.mp3": typed("audio/mpeg", mp3),
  "/uncoded.mp3": typed("audio/mpeg", mp3, { "content-encoding": "aws-chunked" }),
  "/set.mp3": typed("audio/mpeg", mp3, { "set-cookie": "seen=1; Path=/" }),
  "/whole.mp3": { ...typed("audio/mpeg", mp3), noRanges: true },
  "/moved.mp3": redirect(301, "/audio.mp3"),
  "/renamed.mp3": redirect(302, "/deep/path/Other%20name.mp3?token=abc"),
  "/deep/path/Other%20name.mp3": typed("audio/mpeg", mp3, { "last-modified": DATE }),
  "/unnamed.mp3": redirect(307, "/download?id=17"),
  "/download": typed("audio/mpeg", mp3),
};
const QUERIES = [
  "/audio.mp3?updated=1",
  "/audio.mp3?a=b&c=%2Fd.m3u8",
  "/audio.mp3?",
  "/über 名.mp3".replace(" ", "%20"),
];

/** A file that only lets in who comes through the address that leads to it. */
const GUARDED: Readonly<Record<string, PlainPath>> = {
  "/guarded/get.mp3": {
    status: 302,
    headers: { location: "/guarded/file.mp3", "set-cookie": "ticket=1; Path=/guarded" },
  },
  "/guarded/file.mp3": { ...typed("audio/mpeg", mp3), cookie: "ticket=1" },
};

/** What the usual extraction judges. */
const OTHERS: Readonly<Record<string, PlainPath>> = {
  "/page.mp4": typed("text/html; charset=utf-8", page),
  "/hidden.mp4": typed("application/octet-stream", page),
  "/list.mp3": typed("audio/x-mpegurl", Buffer.from("#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:1/a.mp3\n")),
  "/gone.mp3": { status: 404 },
  "/denied.mp3": { status: 403 },
  "/broken.mp3": { status: 503 },
  "/much.mp3": { status: 429 },
  "/nothing.mp3": { status: 204 },
  "/packed.mp3": typed("audio/mpeg", mp3, { "content-encoding": "gzip" }),
  "/radio.mp3": { ...typed("audio/mpeg", mp3, { "icy-name": "Radio" }), noRanges: true, noLength: true },
  "/unmeasured.mp3": { ...typed("audio/mpeg", mp3), noRanges: true, noLength: true },
  "/empty.mp3": typed("audio/mpeg", Buffer.alloc(0)),
  "/unknown.mp3": typed("application/octet-stream", Buffer.from("these bytes are no media")),
  "/to-page.mp3": redirect(302, "/page.mp4"),
  "/loop.mp3": redirect(302, "/loop.mp3"),
  "/away.mp3": redirect(302, "http://127.0.0.1:1/audio.mp3"),
};
/** Not opened without an extraction at all. */
const UNTRIED = [
  "/download",
  "/audio.mp3#t=1",
  "/a%2Db.mp3",
  "/a%c3%bc.mp3",
  "/x/../audio.mp3",
  "/index.m3u8",
];

let site: PlainSite;
let policy: EgressPolicy;
let proxy: EgressProxy;
let pool: ExtractorPool;
let bench: ProcessorBench;
let usual: ProcessorBench;

beforeAll(async () => {
  site = await startPlainSite({ ...FILES, ...GUARDED, ...OTHERS });
  // an argument that changes nothing makes every file go the usual way
  [bench, usual] = await Promise.all([
    startProcessorBench([site.host]),
    startProcessorBench([site.host], { YTDLP_EXTRACTOR_ARGS: "generic:impersonate=false" }),
  ]);
  policy = new EgressPolicy({ opened: new Set([site.host]) });
  proxy = await EgressProxy.start(policy);
  pool = new ExtractorPool({ tools: await discoverTools(bench.config), proxy, config: bench.config });
  await pool.ready();
}, 60_000);

afterAll(async () => {
  await pool.close();
  await proxy.close();
  policy.close();
  await Promise.all([bench.close(), usual.close()]);
  await site.close();
});

const options = { format_sort: formatSort(plan({}).plan) };

async function openPlainly(url: string, signal = AbortSignal.timeout(20_000)) {
  const client = new HttpClient(policy);
  return openPlainFile(
    {
      ...{ extractor: pool, proxy, signal, session: new SourceSession(NO_COOKIES, bench.config) },
      openFile: (address) => openRangeSource(client, { ...address, signal, opensOnce: true }),
    },
    url,
    options,
  );
}

/** Without the time of the extraction, and cookies, which the run's own requests keep elsewhere. */
const lasting = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, member) =>
      ["epoch", "cookie_header", "cookie_lines", "cookies"].includes(name) ? undefined : member,
    ),
  );

const requestsDuring = async <T>(work: () => Promise<T>) => {
  const before = site.requests.length;
  const result = await work();
  return { result, requests: site.requests.slice(before) };
};

describe("a plain media file", () => {
  it.each([...Object.keys(FILES).filter((path) => path !== "/download"), ...QUERIES])(
    "is described without an extraction as with one: %s",
    async (path) => {
      const url = site.url + path;
      const { result: plain, requests } = await requestsDuring(() => openPlainly(url));
      plain?.file.close();
      const extracted = await pool.extract({ url, proxy, options, timeoutMs: 20_000 });
      if (extracted.kind !== "video") throw new Error(`a ${extracted.kind}`);
      expect(plain).not.toBeNull();
      expect(lasting(plain?.found.info)).toEqual(lasting(extracted.info));
      expect(lasting(plain?.found.requested)).toEqual(lasting(extracted.requested));
      const hops = FILES[path.split("?")[0] ?? ""]?.headers?.location === undefined ? 1 : 2;
      expect(requests).toHaveLength(hops);
    },
  );

  it.each(Object.keys(OTHERS))("is not seen where that is in doubt: %s", async (path) => {
    const { result, requests } = await requestsDuring(() => openPlainly(site.url + path));
    expect(result).toBeNull();
    expect(requests.length).toBeGreaterThan(0);
  });

  it.each(UNTRIED)(
    "is not looked for where clients write the address in different ways, or it names none: %s",
    async (path) => {
      const { result, requests } = await requestsDuring(() => openPlainly(site.url + path));
      expect(result).toBeNull();
      expect(requests).toEqual([]);
    },
  );

  it("is not looked for at an address that an extractor is responsible for", async () => {
    const signal = AbortSignal.timeout(20_000);
    const openFile = () => Promise.reject(new Error("it was opened"));
    const session = new SourceSession(NO_COOKIES, bench.config);
    const url = "https://www.dropbox.com/s/abcdefghijklmno/film.mp4";
    expect(
      await openPlainFile({ extractor: pool, proxy, session, signal, openFile }, url, options),
    ).toBeNull();
  });
});

/** Without what differs between two runs of the same job. */
function comparable({ timings: _, upload_rate: _u, download_rate: _d, ...delivery }: Delivery) {
  return delivery;
}

async function delivered(by: ProcessorBench, path: string, request: Parameters<ProcessorBench["run"]>[1]) {
  const outcome = await by.run(site.url + path, request, {
    reuse: { file: null },
    reports_source: true,
  } as never);
  if (outcome.type === "failed") return { code: outcome.code, outcome };
  if (outcome.type !== "completed") throw new Error(outcome.type);
  return { delivery: comparable(outcome.delivery), bytes: await by.object(outcome.delivery.key) };
}

describe("a run of a plain media file", () => {
  it.each([
    ["/audio.mp3", { format: "mp3" }],
    ["/renamed.mp3", { format: "mp3" }],
    ["/whole.mp3", { format: "mp3" }],
    ["/stored.mp4", { format: "mp4" }],
    ["/film.webm", { format: "webm" }],
    ["/talk.m4a", { format: "mp3" }],
    ["/film.mp4", { format: "mov" }],
  ] as const)("stores the same as with an extraction: %s as %o", async (path, request) => {
    const plain = await delivered(bench, path, request);
    const extracted = await delivered(usual, path, request);
    expect(plain).toEqual(extracted);
    expect(plain).toHaveProperty("delivery.file_size");
  });

  it("has the cookies of the addresses before it, after a probe, too", async () => {
    const run = () => delivered(bench, "/guarded/get.mp3", { format: "mp3" });
    const alone = await run();
    expect(alone.bytes?.equals(mp3 ?? Buffer.alloc(0))).toBe(true);
    const probed = await bench.processor.app.request("/probe", {
      method: "POST",
      headers: { authorization: `Bearer ${bench.config.processorToken}`, "content-type": "application/json" },
      body: JSON.stringify({ v: 1, kind: "metadata", url: `${site.url}/guarded/get.mp3` }),
    });
    expect(await probed.json()).toMatchObject({ outcome: { type: "found" } });
    expect((await run()).bytes?.equals(mp3 ?? Buffer.alloc(0))).toBe(true);
  });

  it("requests no byte twice", async () => {
    const run = () => delivered(bench, "/audio.mp3", { format: "mp3" });
    expect((await requestsDuring(run)).requests).toEqual([{ target: "/audio.mp3", range: "bytes=0-262143" }]);
  });

  it.each(["/gone.mp3", "/denied.mp3", "/page.mp4", "/unknown.mp3", "/loop.mp3", "/empty.mp3"])(
    "fails as with an extraction: %s",
    async (path) => {
      const plain = await delivered(bench, path, { format: "mp3" });
      const extracted = await delivered(usual, path, { format: "mp3" });
      expect(plain.code).toBeDefined();
      expect(plain.code).toBe(extracted.code);
    },
  );
});

/** Compares the quick choice of an extractor with yt-dlp's own, for a twentieth of the addresses that yt-dlp is tested with. */
const CHOICES = `
import json, sys
sys.path.append(sys.argv[1])
from yt_dlp.extractor import gen_extractor_classes
from extraction.session import EXTRACTORS, extractor_for, warm_up
warm_up()
urls = sorted({test['url'] for extractor in gen_extractor_classes() for test in extractor.get_testcases(True)})[::20]
own = [next((key for key, extractor in EXTRACTORS.items() if extractor.suitable(url)), None) for url in urls]
wrong = [url for url, key in zip(urls, own) if extractor_for(url) != key]
print(json.dumps({'asked': len(urls), 'wrong': wrong}))
`;

/** What goes out while a response arrives in parts, and when its process dies in the middle of one. */
const ANSWER_IN_PARTS = `
import json, os, sys, types
sys.path.append(sys.argv[1])
from extraction.answerer import Answerer
out, sent = os.pipe()
os.set_blocking(out, False)
answers, answer = os.pipe()
answerer = Answerer(types.SimpleNamespace(out=sent, remove=os.close, send=lambda message: None))
def after(text):
    os.write(answer, text)
    answerer._on_output(answers)
    try:
        return os.read(out, 100).decode()
    except BlockingIOError:
        return ''
seen = {'afterPart': after(b'first half, '), 'afterRest': after(b'second half\\n')}
answerer._pid, answerer._folder = os.spawnlp(os.P_NOWAIT, 'true', 'true'), '/nonexistent'
after(b'first half')
os.close(answer)
answerer._on_output(answers)
answers, answer = os.pipe()
seen['afterDeath'] = after(b'of the next')
print(json.dumps(seen))
`;

async function runPython(script: string) {
  const { python, pythonPath = "" } = (await discoverTools(bench.config)).ytdlp;
  const tools = fileURLToPath(new URL("../../processor/tools/", import.meta.url));
  const env = { ...process.env, PYTHONPATH: pythonPath, PYTHONDONTWRITEBYTECODE: "1" };
  return await promisify(execFile)(python, ["-c", script, tools], { env });
}

describe("questions to yt-dlp", () => {
  const asked = () => ({
    ...{ options, proxy, signal: AbortSignal.timeout(20_000) },
    session: new SourceSession(NO_COOKIES, bench.config),
  });

  it("are answered for each address by the extractor that is responsible for it", async () => {
    const keys = await Promise.all(
      [
        "https://example.org/a.mp3",
        "https://www.youtube.com/watch?v=BaW_jenozKc",
        "https://vimeo.com/1084537",
      ].map(async (url) => (await pool.addressOf(url, asked()))?.extractor),
    );
    expect(keys).toEqual(["Generic", "Youtube", "Vimeo"]);
  });

  it("name the extractor that yt-dlp would choose, for the addresses of its own tests", async () => {
    const { stdout } = await runPython(CHOICES);
    const { asked, wrong } = JSON.parse(stdout) as { asked: number; wrong: string[] };
    expect(asked).toBeGreaterThan(200);
    expect(wrong).toEqual([]);
  }, 60_000);

  it("are answered in whole lines, which the lines of other tasks cannot interrupt", async () => {
    const { stdout } = await runPython(ANSWER_IN_PARTS);
    expect(JSON.parse(stdout)).toEqual({
      afterPart: "",
      afterRest: "first half, second half\n",
      afterDeath: "",
    });
  });

  it("may have answers of any length", async () => {
    const redirected = `${site.url}/${"long".repeat(4_000)}.mp3`;
    const response = {
      ...{ url: `${site.url}/audio.mp3`, redirected },
      ...{ headers: { "content-type": "audio/mpeg" }, head: Buffer.alloc(0) },
    };
    const described = await Promise.all(
      Array.from({ length: 8 }, () => pool.describeResponse(response, asked())),
    );
    expect(described.map((found) => found?.info.webpage_url)).toEqual(Array(8).fill(redirected));
  });

  it("do not wait between the requests that they save", async () => {
    const response = {
      ...{ url: "https://example.org/a.mp3", redirected: "https://example.org/b.mp3" },
      ...{ headers: { "content-type": "audio/mpeg" }, head: Buffer.alloc(0) },
    };
    const patient = { ...asked(), options: { ...options, sleep_interval_requests: 600 } };
    expect((await pool.describeResponse(response, patient))?.info.id).toBe("b");
  });

  it("go to another process when one has answered as many as it may", async () => {
    const info: (YtdlpInfo | undefined)[] = [];
    for (let count = 0; count < 510; count++) {
      const headers = { "content-type": "audio/mpeg" };
      const response = {
        url: `https://example.org/${count}.mp3`,
        redirected: null,
        headers,
        head: Buffer.alloc(0),
      };
      info.push((await pool.describeResponse(response, asked()))?.info);
    }
    expect(info.map((found) => found?.id)).toEqual(info.map((_, count) => String(count)));
  }, 60_000);
});
