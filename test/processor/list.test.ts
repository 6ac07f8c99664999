import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ListLine, type WireEntry } from "../../schema/wire/probe.ts";
import { media } from "../support/media.ts";
import { type Origin, startOrigin } from "../support/origin.ts";
import { podcastFeed } from "../support/podcast-feed.ts";
import { podcastShow } from "../support/podcast-shows.ts";
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
  // the extractor's start counts towards the limit of whoever comes first
  await list("/direct.mp4");
}, 60_000);

afterAll(async () => {
  await bench.close();
  await origin.close();
});

function ask(path: string, change: object = {}): Promise<Response> {
  const headers = {
    authorization: `Bearer ${bench.config.processorToken}`,
    "content-type": "application/json",
  };
  const request = { v: 1, kind: "list", url: origin.url + path, timeout_ms: 30_000, max_entries: 5_001 };
  const body = JSON.stringify({ ...request, ...change });
  return Promise.resolve(bench.processor.app.request("/probe", { method: "POST", headers, body }));
}

async function list(path: string, change: object = {}): Promise<ListLine[]> {
  const answer = await ask(path, change);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-ndjson"]);
  const lines = (await answer.text()).trim().split("\n");
  return lines.map((line) => ListLine.parse(JSON.parse(line)));
}

const entriesOf = (lines: readonly ListLine[]): WireEntry[] => lines.filter((line) => line.type === "entry");
const touched = () => [...origin.hits.keys()].filter((path) => path.startsWith("/media/"));

describe("a list", () => {
  it.each([1, 142, 5_000])(
    "tells the %i items of a feed in its order, and touches none",
    async (count) => {
      const show = podcastShow(count);
      const lines = await list(`/${count}.xml`);
      expect(lines[0]).toEqual({ type: "list", v: 1, title: show.name });
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
    },
    60_000,
  );

  it("ends after as many entries as were asked for", async () => {
    expect(entriesOf(await list("/142.xml", { max_entries: 10 }))).toHaveLength(10);
  });

  it("is one of one item where the URL is a medium", async () => {
    const lines = await list("/direct.mp4");
    expect(entriesOf(lines)).toEqual([
      expect.objectContaining({ url: `${origin.url}/direct.mp4`, unavailable: false }),
    ]);
    expect(entriesOf(await list("/page.html"))).toEqual([
      expect.objectContaining({ url: `${origin.url}/page.html` }),
    ]);
  });

  it("tells the media of a page that has several", async () => {
    origin.put(
      "/two.html",
      Buffer.from('<title>Two</title><video src="/a.mp4"></video><video src="/b.mp4"></video>'),
    );
    expect(entriesOf(await list("/two.html")).map(({ url }) => url)).toEqual([
      `${origin.url}/a.mp4`,
      `${origin.url}/b.mp4`,
    ]);
  });

  it("takes what leads to a list for the list", async () => {
    const lines = await list(`/redirect?to=${encodeURIComponent(`${origin.url}/1.xml`)}`);
    expect(entriesOf(lines)).toHaveLength(1);
  });

  it.each([
    ["/empty.html", "unsupported_url"],
    ["/status/404", "unavailable"],
    ["/status/503", "network"],
  ])("says by its class why there is none: %s", async (path, code) => {
    expect(await list(path)).toEqual([{ type: "failed", code, retry_after_ms: null }]);
  });

  it("reaches no private address", async () => {
    const lines = await list("", { url: "http://127.0.0.1:9/feed.xml" });
    expect(lines).toEqual([expect.objectContaining({ type: "failed", code: "egress_blocked" })]);
  });

  it("takes no slot of a run, and wants a valid request", async () => {
    expect(bench.processor.runs.size).toBe(0);
    expect((await ask("/1.xml", { timeout_ms: 0 })).status).toBe(400);
  });
});

describe("the extraction of a list", () => {
  it("is killed when it takes too long, and the line says so", async () => {
    origin.behave("/hangs.xml", { hang: true });
    expect(await list("/hangs.xml", { timeout_ms: 300 })).toEqual([{ type: "late" }]);
    await origin.idle();
  });

  it("is killed when nobody wants the list any more", async () => {
    origin.behave("/left.xml", { hang: true });
    const answer = await ask("/left.xml");
    await origin.waitForHit("/left.xml");
    await answer.body?.cancel();
    // the connection that it held is gone with it
    await origin.idle();
  });

  it("is refused while as many others are told", async () => {
    origin.behave("/held.xml", { hang: true });
    const held = await Promise.all(Array.from({ length: 4 }, () => ask("/held.xml")));
    const refused = await ask("/1.xml");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    await Promise.all(held.map(({ body }) => body?.cancel()));
    expect((await ask("/1.xml")).status).toBe(200);
  });
});

describe("a run of a list that was not asked for as one", () => {
  it("ends as is_playlist", async () => {
    expect(await bench.run(`${origin.url}/142.xml`)).toMatchObject({ type: "failed", code: "is_playlist" });
    expect(touched()).toEqual([]);
  });
});
