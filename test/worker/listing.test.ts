import { beforeEach, describe, expect, it } from "vitest";
import type { ListLine } from "../../schema/wire/probe.ts";
import { listSource, readList } from "../../worker/services/sources/listing/list-source.ts";
import type { Listing, ListPart, Recognised } from "../../worker/services/sources/listing/listing.ts";
import { PodcastServices } from "../support/podcast-services.ts";
import { podcastShow } from "../support/podcast-shows.ts";
import { Harness } from "./support/harness.ts";
import { busy, unreachable } from "./support/scripted-network.ts";

const BASE = "https://podcasts.example.com";
const [small, middle, large] = [podcastShow(1), podcastShow(142), podcastShow(5_000)];

let worker: Harness;
let podcasts: PodcastServices;

function start(variables: Record<string, string> = {}): void {
  podcasts = new PodcastServices([small, middle, large, podcastShow(5_001)], () => BASE);
  worker = new Harness({ ...podcasts.variables, ...variables });
  worker.network.hosts.set("podcasts.example.com", podcasts.handle);
}
beforeEach(() => start());

const ASKER = { accountId: "01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17" };

const list = (recognised: Exclude<Recognised, { type: "media" }>): Promise<Listing> =>
  listSource(worker.context(), recognised, ASKER);
const listShow = ({ id }: { id: string }) => list({ type: "spotify_show", id });
async function collect(parts: AsyncGenerator<ListPart>): Promise<ListPart[]> {
  const all: ListPart[] = [];
  for await (const part of parts) all.push(part);
  return all;
}
const pagesAsked = () => podcasts.spotify.requests.filter((request) => request.includes("/episodes?"));

describe("a Spotify show", () => {
  it.each([small, middle, large])("of $episodes.length is listed with its open media", async (show) => {
    const { kind, title, entries } = await listShow(show);
    expect([kind, title, entries.length]).toEqual(["spotify_show", show.name, show.episodes.length]);
    expect(entries).toEqual(
      show.episodes.map((episode) =>
        episode.removed
          ? {
              ...{ url: `https://open.spotify.com/show/${show.id}`, mediaUrl: null, sourceId: null },
              ...{ title: null, description: null, releaseDate: null, skipped: "entry_unavailable" },
            }
          : {
              url: `https://open.spotify.com/episode/${episode.id}`,
              mediaUrl: episode.exclusive ? null : `${BASE}${episode.path}?a=1&b=2`,
              sourceId: episode.id,
              title: episode.title,
              description: episode.description,
              releaseDate: episode.date,
              skipped: episode.exclusive ? "no_open_feed" : null,
            },
      ),
    );
    const pages = Math.ceil(show.episodes.length / 50);
    expect(pagesAsked()).toHaveLength(pages);
    expect(podcasts.spotify.requests).toHaveLength(pages + 2);
    expect(podcasts.spotify.peak).toBe(Math.min(4, Math.max(2, pages - 1)));
    expect(podcasts.requests).toHaveLength(2);
  });

  it("is requested in the operator's market", async () => {
    start({ SPOTIFY_MARKET: "DE" });
    await listShow(small);
    expect(pagesAsked()).toEqual([expect.stringContaining("market=DE")]);
    expect(podcasts.requests[0]).toContain("country=DE");
  });

  it("with more than 5,000 episodes is left to be read later, as a whole", async () => {
    const show = podcastShow(5_001);
    expect(await listShow(show)).toMatchObject({ title: show.name, entries: [], isWhole: false });
    expect(pagesAsked()).toHaveLength(1);
    const range = { skip: 4_500, until: 50_000, size: 300, timeoutMs: 60_000 };
    const parts = await collect(
      readList(worker.context(), { type: "spotify_show", id: show.id }, ASKER, range),
    );
    expect(parts.map(({ start, entries, isLast }) => [start, entries.length, isLast])).toEqual([
      [4_500, 300, false],
      [4_800, 201, true],
    ]);
    expect(parts.flatMap(({ entries }) => entries.map(({ sourceId }) => sourceId))).toEqual(
      show.episodes.slice(4_500).map(({ id, removed }) => (removed ? null : id)),
    );
  });

  it("that is unknown or private is refused with a sentence", async () => {
    await expect(listShow({ id: "x".repeat(22) })).rejects.toMatchObject({
      code: "invalid_request",
      message: "This media is not available or was removed",
    });
  });

  it("is refused with a sentence on what the operator must configure", async () => {
    start({ SPOTIFY_CLIENT_SECRET: "" });
    await expect(listShow(small)).rejects.toMatchObject({
      code: "invalid_request",
      message: expect.stringMatching(/operator must set SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET/),
    });
    start({ SPOTIFY_CLIENT_SECRET: "wrong" });
    await expect(listShow(small)).rejects.toMatchObject({
      code: "dependency_unavailable",
      message: expect.stringMatching(/refuses the operator's SPOTIFY_CLIENT_ID/),
    });
  });
});

describe("a Spotify episode", () => {
  it("is a list of one, with its open media", async () => {
    const [episode] = middle.episodes;
    const { entries, title } = await list({ type: "spotify_episode", id: episode?.id ?? "" });
    expect([title, entries]).toEqual([
      middle.name,
      [expect.objectContaining({ title: episode?.title, mediaUrl: `${BASE}${episode?.path}?a=1&b=2` })],
    ]);
  });

  it("that is in no open feed is skipped", async () => {
    const { id = "" } = middle.episodes.find(({ exclusive }) => exclusive) ?? {};
    const { entries } = await list({ type: "spotify_episode", id });
    expect(entries).toEqual([expect.objectContaining({ mediaUrl: null, skipped: "no_open_feed" })]);
  });
});

describe("Spotify's token", () => {
  it("is requested once, even by many listings at once, and again shortly before it expires", async () => {
    await Promise.all([listShow(small), listShow(middle), listShow(small)]);
    expect(podcasts.spotify.tokens).toBe(1);
    worker.now += 58 * 60_000;
    await listShow(small);
    expect(podcasts.spotify.tokens).toBe(1);
    worker.now += 60_000;
    await listShow(small);
    expect(podcasts.spotify.tokens).toBe(2);
  });

  it("is renewed when Spotify no longer accepts it", async () => {
    await listShow(small);
    podcasts.spotify.trouble = { status: 401, times: 1 };
    expect((await listShow(small)).entries).toHaveLength(1);
    expect(podcasts.spotify.tokens).toBe(2);
  });
});

describe("Spotify's rate limit", () => {
  it("is waited for", async () => {
    podcasts.spotify.trouble = { status: 429, retryAfterSeconds: 7, times: 3 };
    const waits: number[] = [];
    const context = worker.context();
    const wait = async (ms: number) => {
      waits.push(ms);
      worker.now += ms;
    };
    const { entries } = await listSource(
      { ...context, wait },
      { type: "spotify_show", id: middle.id },
      ASKER,
    );
    expect(entries).toHaveLength(142);
    expect(waits[0]).toBe(7_000);
  });

  it("is reported when the wait is longer than a listing may take", async () => {
    podcasts.spotify.trouble = { status: 429, retryAfterSeconds: 90, times: 1 };
    await expect(listShow(middle)).rejects.toMatchObject({
      code: "dependency_unavailable",
      retryAfterSeconds: 90,
    });
  });

  it("does not hide that Spotify is broken", async () => {
    podcasts.spotify.trouble = { status: 500, times: 2 };
    expect((await listShow(small)).entries).toHaveLength(1);
    podcasts.spotify.trouble = { status: 500, times: 100 };
    await expect(listShow(small)).rejects.toMatchObject({ code: "dependency_unavailable" });
  });
});

describe("the open feed", () => {
  it("may be known to Podcast Index alone", async () => {
    start({ PODCAST_INDEX_KEY: "key", PODCAST_INDEX_SECRET: "index-secret" });
    podcasts.unlisted.add(small.id);
    expect((await listShow(small)).entries[0]?.skipped).toBeNull();
  });

  it("that cannot be found leaves every episode skipped", async () => {
    podcasts.unlisted.add(small.id);
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
  });

  it("is fetched from public addresses only", async () => {
    const to = (location: string) => () => new Response(null, { status: 302, headers: { location } });
    podcasts.feeds.set(small.id, to(`${BASE}/feeds/${middle.id}.xml`));
    podcasts.feeds.set(middle.id, to("http://169.254.169.254/latest"));
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
    expect(worker.network.calls).toEqual([]);
    podcasts.feeds.set(small.id, to(`${BASE}/feeds/${small.id}.xml`));
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
  });

  it("that is gone, or not a feed, leaves every episode skipped", async () => {
    podcasts.feeds.set(small.id, () => new Response(null, { status: 404 }));
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
    podcasts.feeds.set(small.id, () => new Response("<html>no feed</html>"));
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
  });

  it("that cannot be read right now creates nothing, since all would be skipped", async () => {
    podcasts.feeds.set(small.id, () => new Response(null, { status: 503 }));
    const refused = { code: "dependency_unavailable", retryAfterSeconds: 60 };
    await expect(listShow(small)).rejects.toMatchObject(refused);
    podcasts.feeds.clear();
    podcasts.itunesStatus = 403;
    await expect(listShow(small)).rejects.toMatchObject(refused);
  });

  it("reaches no private address", async () => {
    const [episode] = small.episodes;
    const item = `<item><title>${episode?.title}</title><pubDate>${episode?.date}</pubDate>
      <enclosure url="http://10.0.0.1/a.mp3"/></item>`;
    podcasts.feeds.set(small.id, () => new Response(item));
    expect((await listShow(small)).entries[0]?.skipped).toBe("no_open_feed");
    podcasts.feeds.set(small.id, () => new Response(item.replace("10.0.0.1", "cdn.example.com")));
    expect((await listShow(small)).entries[0]?.mediaUrl).toBe("http://cdn.example.com/a.mp3");
  });
});

const url = "https://media.example.com/list";
const entry = (change: Partial<Extract<ListLine, { type: "entry" }>> = {}): ListLine => ({
  ...{ type: "entry", url: `${url}/1`, id: "1", title: "One", description: null },
  ...{ release_date: "2026-11-03", unavailable: false, authoritative: false },
  ...{ site: null, channel: null, timestamp: null, duration: null, live: null, ...change },
});
const report = (...lines: readonly ListLine[]) => {
  worker.network.onProbe = () => new Response(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
};
const head: ListLine = { type: "list", v: 1, title: "A list", skipped: 0 };
const listPlaylist = () => list({ type: "playlist", url });

describe("a playlist", () => {
  it("is listed by the processor, in its order", async () => {
    report(head, entry(), entry({ url: "HTTPS://media.example.com/a b", id: "2" }), { type: "end" });
    const { kind, title, entries } = await listPlaylist();
    expect(worker.network.probes).toEqual([
      {
        ...{ v: 1, kind: "list", url, timeout_ms: 60_000, max_entries: 5_001, skip: 0 },
        cookies: { mode: "fallback", jar: null },
      },
    ]);
    expect([kind, title]).toEqual(["playlist", "A list"]);
    expect(entries).toEqual([
      {
        ...{ url: `${url}/1`, mediaUrl: null, sourceId: "1", title: "One", description: null },
        ...{ releaseDate: "2026-11-03", skipped: null },
        facts: { site: null, channel: null, publishedAt: null, duration: null, live: null },
      },
      expect.objectContaining({ url: "https://media.example.com/a%20b", sourceId: "2" }),
    ]);
  });

  it.each([
    [{ unavailable: true, title: "[Private video]" }, `${url}/1`],
    [{ url: null }, url],
    [{ url: "rtmp://media.example.com/x" }, url],
    [{ url: `https://media.example.com/${"x".repeat(2_048)}` }, url],
  ])("skips entries that cannot be fetched: %o", async (change, shown) => {
    report(head, entry(change), { type: "end" });
    const { entries } = await listPlaylist();
    expect(entries).toEqual([expect.objectContaining({ url: shown, skipped: "entry_unavailable" })]);
  });

  it("of more than 5,000 entries is cut off there", async () => {
    const entries = Array.from({ length: 5_000 }, (_, index) => entry({ id: `${index}` }));
    report(head, ...entries, { type: "end" });
    expect(await listPlaylist()).toMatchObject({ isWhole: true, entries: { length: 5_000 } });
    report(head, ...entries, entry(), { type: "end" });
    expect(await listPlaylist()).toMatchObject({ isWhole: false, entries: { length: 5_000 } });
  });

  it("is read from a position, in parts, by a processor that knows the position or does not", async () => {
    const range = { skip: 10, until: 20, size: 4, timeoutMs: 60_000 };
    const read = async (skipped: number, count: number) => {
      const ids = Array.from({ length: count }, (_, index) => entry({ id: `${skipped + index}` }));
      report({ ...head, skipped }, ...ids, { type: "end" });
      const parts = await collect(readList(worker.context(), { type: "playlist", url }, ASKER, range));
      return parts.map(({ start, entries, isLast }) => [
        start,
        entries.map(({ sourceId }) => sourceId),
        isLast,
      ]);
    };
    expect(await read(10, 6)).toEqual([
      [10, ["10", "11", "12", "13"], false],
      [14, ["14", "15"], true],
    ]);
    expect(worker.network.probes.at(-1)).toMatchObject({ skip: 10, max_entries: 11 });
    expect(await read(10, 11)).toEqual([
      [10, ["10", "11", "12", "13"], false],
      [14, ["14", "15", "16", "17"], false],
      [18, ["18", "19"], false],
    ]);
    // the former version begins at the beginning, and ends after as many entries
    expect((await read(0, 11)).at(-1)).toEqual([8, ["8", "9", "10"], false]);
    expect(await read(10, 0)).toEqual([[10, [], true]]);
  });

  it.each([
    [[head, { type: "end" }], "invalid_request", "This list has no entries"],
    [[{ type: "failed", code: "private", retry_after_ms: null }], "invalid_request", "This media is private"],
    [
      [head, entry(), { type: "failed", code: "unavailable", retry_after_ms: null }],
      "invalid_request",
      "This media is not available or was removed",
    ],
    [
      [{ type: "failed", code: "unsupported_url", retry_after_ms: null }],
      "invalid_request",
      "No downloadable media was found at this URL",
    ],
    [
      [{ type: "failed", code: "bot_check", retry_after_ms: null }],
      "dependency_unavailable",
      "The source asked to confirm that the visitor is not a robot",
    ],
    [[head, entry(), { type: "late" }], "expansion_timeout", "Listing this show or playlist took too long"],
    [[head, entry()], "dependency_unavailable", "A part of the service is not available right now"],
  ] as [ListLine[], string, string][])("is refused as a whole: %o", async (lines, code, message) => {
    report(...lines);
    await expect(listPlaylist()).rejects.toMatchObject({ code, message });
  });

  it("is refused when no processor can list it", async () => {
    worker.network.onProbe = busy(3);
    await expect(listPlaylist()).rejects.toMatchObject({
      code: "dependency_unavailable",
      retryAfterSeconds: 3,
    });
    worker.network.onProbe = unreachable;
    await expect(listPlaylist()).rejects.toMatchObject({ code: "dependency_unavailable" });
    // a processor of the former version does not know lists
    worker.network.onProbe = () => Response.json({ error: "The probe is not valid: kind" }, { status: 400 });
    await expect(listPlaylist()).rejects.toMatchObject({ code: "dependency_unavailable" });
    worker.network.onProbe = () => new Response("no line of ours\n");
    await expect(listPlaylist()).rejects.toMatchObject({ code: "dependency_unavailable" });
  });
});

describe("a listing that takes too long", () => {
  const never = () => new Promise<never>(() => {});

  it("ends, whatever it waits for", async () => {
    start({ LISTING_SECONDS: "1" });
    podcasts.spotify.onPage = never;
    worker.network.onProbe = () => new Response(new ReadableStream({ pull: never }));
    const refused = { code: "expansion_timeout", status: 504 };
    await Promise.all([
      expect(listShow(middle)).rejects.toMatchObject(refused),
      expect(listPlaylist()).rejects.toMatchObject(refused),
    ]);
  });
});
