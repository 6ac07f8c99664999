import { describe, expect, it } from "vitest";
import { likeness, normaliseTitle } from "../../worker/services/listing/compare-titles.ts";
import { type FeedItem, feedItems, readDuration } from "../../worker/services/listing/feed-items.ts";
import { feedPoints } from "../../worker/services/listing/find-feeds.ts";
import { type Described, matchEpisodes, matchPoints } from "../../worker/services/listing/match-episodes.ts";
import { podcastFeed } from "../support/podcast-feed.ts";
import { podcastShow } from "../support/podcast-shows.ts";

const episode: Described = { title: "What the sea tells us", date: Date.UTC(2026, 10, 3), duration: 1800 };

describe("titles", () => {
  it.each([
    ["Ep. 12: Ångström & Co.!", "angstrom and co"],
    ["#7 - The Sea", "the sea"],
    ["S2E3 | The Sea", "the sea"],
    ["Season 2, Episode 3: The Sea", "the sea"],
    ["12. The Sea", "the sea"],
    ["A Show: The Sea", "the sea"],
    ["It’s 1984", "its 1984"],
    ["1984", "1984"],
    ["99 Luftballons", "99 luftballons"],
    ["日本の海", "日本の海"],
  ])("compares %s without what feeds add to it", (title, plain) => {
    expect(normaliseTitle(title, "A Show")).toBe(plain);
  });

  it("are never alike when their numbers contradict each other", () => {
    expect(likeness("the fall of rome part 1", "the fall of rome part 2")).toBe(0);
    expect(likeness("the fall of rome", "the fall of rome part 2")).toBeGreaterThan(0.8);
  });
});

describe("the points of a match", () => {
  it.each([
    [{}, 100],
    [{ title: "Ep. 3: WHAT THE SEA TELLS US!" }, 100],
    [{ date: Date.UTC(2026, 10, 5, 23) }, 100],
    [{ date: Date.UTC(2026, 10, 6) }, 75],
    [{ duration: 1920 }, 100],
    [{ duration: 1921 }, 75],
    [{ date: null, duration: null }, 50],
    [{ title: "A talk about bread" }, 0],
  ])("count title, date and duration: %o", (change, sum) => {
    expect(matchPoints(episode, { ...episode, ...change })).toBe(sum);
  });

  it("allow a twentieth of a long episode", () => {
    const long = { ...episode, duration: 10_000 };
    expect(matchPoints(long, { ...long, duration: 10_500 })).toBe(100);
    expect(matchPoints(long, { ...long, duration: 10_600 })).toBe(75);
  });
});

describe("matching", () => {
  it("uses each item once and gives it to the episode that it fits best", () => {
    const twin = { ...episode, title: "What the sea tells me" };
    expect(matchEpisodes([twin, episode], [episode], "")).toEqual([null, 0]);
    expect(matchEpisodes([twin, episode], [episode, twin], "")).toEqual([1, 0]);
  });

  it("finds nothing rather than something else", () => {
    const other = { title: "Part 2 of the talk about bread", date: episode.date, duration: episode.duration };
    expect(matchEpisodes([episode], [other, { ...episode, date: null, duration: null }], "")).toEqual([null]);
  });

  it("finds all of 5,000 in a feed that says many things differently", async () => {
    const show = podcastShow(5_000);
    const items = await collect(feedItems(pieces(podcastFeed(show, "https://feeds.example.com"), 5_000)));
    const wanted = show.episodes.map(({ title, date, duration }) => ({
      title,
      date: Date.parse(date),
      duration,
    }));
    const found = matchEpisodes(wanted, items, show.name).map((index) =>
      index === null ? null : items[index]?.mediaUrl,
    );
    expect(found).toEqual(
      show.episodes.map(({ exclusive, path }) =>
        exclusive ? null : `https://feeds.example.com${path}?a=1&b=2`,
      ),
    );
  });
});

describe("the points of a feed", () => {
  const show = { name: "The Sea", publisher: "Little Studio", episodes: 100 };
  const feed = { url: "https://a.example.com", name: "The Sea", author: "Little Studio", episodes: 95 };
  it.each([
    [{}, 100],
    [{ episodes: 50 }, 90],
    [{ author: null }, 85],
    [{ name: "The Sea Daily News Round" }, 0],
  ])("count name, publisher and length: %o", (change, sum) => {
    expect(feedPoints(show, { ...feed, ...change })).toBe(sum);
  });
});

describe("a feed", () => {
  const item = (inside: string) => `<item>${inside}</item>`;
  const whole = '<title>A</title><enclosure url="https://a.example.com/a.mp3?x=1&amp;y=2"/>';
  const read = (text: string, size = 7) => collect(feedItems(pieces([text], size)));

  it("is read the same in pieces of any size", async () => {
    const text = `<rss><channel><title>C</title><items>x</items>${item(whole)}<item rdf:about="x">${whole}</item></channel></rss>`;
    const known = { mediaUrl: "https://a.example.com/a.mp3?x=1&y=2", title: "A", date: null, duration: null };
    for (const size of [1, 2, 3, 7, 50, 10_000]) expect(await read(text, size)).toEqual([known, known]);
  });

  it("leaves out items without media, broken ones and those that are too long", async () => {
    const long = item(`${whole}<description>${"x".repeat(600_000)}</description>`);
    const text = `${item("<title>B</title>")}${item('<title>C</title><enclosure url="javascript:x"/>')}${item("<a></b>")}${long}${item(whole)}`;
    expect(await read(text, 10_000)).toHaveLength(1);
  });

  it("is not fooled by quoted ends and comments", async () => {
    const text = item(`<content:encoded><![CDATA[</item><item>]]></content:encoded><!-- </item> -->${whole}`);
    expect((await read(text)).map(({ title }) => title)).toEqual(["A"]);
  });

  it("gives up on what never ends", async () => {
    expect(await read(`<item>${whole}<![CDATA[${"x".repeat(100)}`)).toEqual([]);
    expect(await read("no feed at all")).toEqual([]);
  });

  it.each([
    ["754", 754],
    ["12:34", 754],
    ["1:02:03", 3723],
    ["0", null],
    ["soon", null],
    ["1:2:3:4", null],
  ])("says durations as %s", (value, seconds) => {
    expect(readDuration(value)).toBe(seconds);
  });
});

async function* pieces(texts: Iterable<string>, size: number): AsyncGenerator<string> {
  for (const text of texts) for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
}

async function collect(items: AsyncIterable<FeedItem>): Promise<FeedItem[]> {
  const found: FeedItem[] = [];
  for await (const item of items) found.push(item);
  return found;
}
