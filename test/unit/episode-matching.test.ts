import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { likeness, normaliseTitle } from "../../worker/services/sources/listing/compare-titles.ts";
import { type FeedItem, feedItems, readDuration } from "../../worker/services/sources/listing/feed-items.ts";
import { feedPoints } from "../../worker/services/sources/listing/find-feeds.ts";
import { type Described, matchEpisodes } from "../../worker/services/sources/listing/match-episodes.ts";
import { baseOf, decoderFor } from "../../worker/services/sources/listing/read-feed.ts";
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

  it("never match when their numbers contradict each other", () => {
    expect(likeness("the fall of rome part 1", "the fall of rome part 2")).toBe(0);
    expect(likeness("the fall of rome", "the fall of rome part 2")).toBeGreaterThan(0.8);
  });
});

const match = (episodes: readonly Described[], items: readonly Described[], show = "") =>
  matchEpisodes(episodes, items, show);

describe("a match", () => {
  it.each([
    [{}, 0],
    [{ title: "Ep. 3: WHAT THE SEA TELLS US!" }, 0],
    [{ date: Date.UTC(2026, 10, 5, 23) }, 0],
    [{ date: Date.UTC(2026, 10, 6) }, null],
    [{ date: null, duration: 1920 }, 0],
    [{ date: null, duration: 1921 }, null],
    [{ date: Date.UTC(2026, 10, 4), duration: 2400 }, null],
    [{ duration: null }, 0],
    [{ date: null, duration: null }, null],
    [{ title: "A talk about bread" }, null],
    [{ title: "What the sea tells me" }, 0],
    [{ title: "What the sea tells me", duration: null }, null],
  ])("needs the title and another proof: %o", (change, found) => {
    const others = ["Of bread", "Of rain", "Of silence"].map((title, day) => ({
      ...episode,
      title,
      date: day,
    }));
    expect(match([episode], [{ ...episode, ...change }, ...others])).toEqual([found]);
  });

  it("treats a leading number as a part of the title", () => {
    const at = (number: number, day: number) => ({
      ...{ title: `Episode ${number}: Morning News`, date: Date.UTC(2026, 10, day), duration: 1800 },
    });
    const [twelve, thirteen] = [at(12, 3), at(13, 4)];
    expect(match([twelve, thirteen], [thirteen, twelve])).toEqual([1, 0]);
    expect(match([twelve], [thirteen])).toEqual([null]);
    expect(match([twelve], [{ ...twelve, title: "#12 - Morning News" }])).toEqual([0]);
  });

  it("of titles that are all equal uses the day alone, in each time zone", () => {
    const on = (day: number, hour = 0) => ({
      title: "Morning News",
      date: Date.UTC(2026, 10, day, hour),
      duration: 1800,
    });
    expect(match([on(1), on(2), on(3)], [on(3, 9), on(2, 9)])).toEqual([null, 1, 0]);
    const late = { ...on(4, 4), localDay: Date.UTC(2026, 10, 3) / 86_400_000 };
    expect(match([on(3), on(1)], [late, on(9)])).toEqual([0, null]);
  });

  it("of a title that could be any episode's uses nothing but the day", () => {
    expect(match([episode], [{ ...episode, date: Date.UTC(2026, 10, 4) }])).toEqual([null]);
  });

  it("between two episodes of one day uses the duration, or is ambiguous", () => {
    const twin = (duration: number | null) => ({ ...episode, title: "Morning News", duration });
    expect(match([twin(600), twin(1200)], [twin(1201), twin(602)])).toEqual([1, 0]);
    expect(match([twin(600), twin(602)], [twin(602), twin(600)])).toEqual(["ambiguous", "ambiguous"]);
    expect(match([twin(null), twin(null)], [twin(1201), twin(602)])).toEqual(["ambiguous", "ambiguous"]);
    expect(match([episode], [episode, episode])).toEqual(["ambiguous"]);
  });

  it("is found in a feed that was moved, whose dates are all equal", () => {
    const episodes = ["sea", "bread", "rain", "night"].map((subject, index) => ({
      ...{ title: `About ${subject}`, date: Date.UTC(2026, 1, index + 1), duration: 600 + index * 300 },
    }));
    const moved = episodes.map((item) => ({ ...item, date: Date.UTC(2026, 10, 1) })).reverse();
    expect(match(episodes, moved)).toEqual([3, 2, 1, 0]);
  });
});

/** A show as its feed and its page list it: the test knows which item is which episode. */
interface TwoViews {
  readonly episodes: readonly (Described & { readonly id: number })[];
  readonly items: readonly (Described & { readonly id: number })[];
  readonly perDay: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const STYLES: readonly ((number: number) => readonly [string, string])[] = [
  () => ["Morning News", "Morning News"],
  (number) => [`Episode ${number}: Morning News`, `Episode ${number}: Morning News`],
  (number) => [`Episode ${number}: Morning News`, `${number}. Morning News`],
  () => ["Morning News", "The Show: Morning News"],
  (number) => ["Morning News", `#${number} - Morning News`],
  (number) => [`Morning News, part ${number}`, `Morning news part ${number}`],
  (number) => [`${number % 10}. The weather`, `${number % 10}. The weather`],
];

const twoViews: fc.Arbitrary<TwoViews> = fc
  .record({
    style: fc.constantFrom(...STYLES),
    count: fc.integer({ min: 1, max: 30 }),
    perDay: fc.integer({ min: 1, max: 3 }),
    // the editions of one day differ in length, or all lengths are equal, or unknown
    lengths: fc.constantFrom("different", "alike", "unknown"),
    hour: fc.integer({ min: 0, max: 23 }),
    shown: fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
    published: fc.array(fc.nat({ max: 3 }), { minLength: 30, maxLength: 30 }),
    order: fc.array(fc.nat(), { minLength: 30, maxLength: 30 }),
  })
  .map(({ style, count, perDay, lengths, hour, shown, published, order }) => {
    const all = Array.from({ length: count }, (_, id) => {
      const [title, inFeed] = style(id + 1);
      const day = Date.UTC(2026, 5, 1) + Math.floor(id / perDay) * DAY_MS;
      const duration = { different: 600 + 300 * (id % perDay), alike: 1800, unknown: null }[lengths];
      return { id, title, inFeed, day, duration, key: order[id] ?? 0 };
    });
    // a gap where the value is false or 0; whole days are left out where lengths do not distinguish the editions of a
    // day; an item may come twice
    const gap = (id: number) => (lengths === "different" ? id : id - (id % perDay));
    const episodes = all
      .filter(({ id }) => shown[gap(id)])
      .map(({ id, title, day, duration }) => ({ id, title, date: day, duration }));
    const items = all
      .toSorted((a, b) => a.key - b.key)
      .flatMap(({ id, inFeed, day, duration }) => {
        const item = { id, title: inFeed, date: day + hour * HOUR_MS, duration };
        return Array.from({ length: Math.min(2, published[gap(id)] ?? 0) }, () => item);
      });
    return { episodes, items, perDay };
  });

describe("for all kinds of shows", () => {
  it("no episode gets the enclosure of another one, whatever the order, the gaps and the repeats", () => {
    fc.assert(
      fc.property(twoViews, ({ episodes, items, perDay }) => {
        const matches = match(episodes, items, "The Show");
        const used = matches.filter((found) => typeof found === "number");
        expect(used).toHaveLength(new Set(used).size);
        for (const [index, found] of matches.entries()) {
          if (typeof found !== "number") continue;
          const [wanted, got] = [episodes[index], items[found]];
          // of the editions of one day, the feed may have only one and the page only another: nothing reveals that
          const areLone = isOnlyOneOfItsDay(wanted, episodes) && isOnlyOneOfItsDay(got, items);
          if (areLone && perDay > 1 && wanted?.date === dayOf(got)) continue;
          expect(got?.id).toBe(wanted?.id);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("each episode of a complete feed is found where title and day identify it", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...STYLES),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (style, count, turned) => {
          const ids = Array.from({ length: count }, (_, id) => id);
          const view = (side: 0 | 1) =>
            ids.map((id) => ({
              title: style(id + 1)[side],
              date: id * DAY_MS + side * HOUR_MS,
              duration: 1800,
            }));
          const items = turned ? view(1).reverse() : view(1);
          const expected = ids.map((id) => (turned ? count - 1 - id : id));
          expect(match(view(0), items, "The Show")).toEqual(expected);
        },
      ),
    );
  });
});

const dayOf = (one: Described | undefined): number => Math.floor((one?.date ?? 0) / DAY_MS) * DAY_MS;
const isOnlyOneOfItsDay = (one: Described | undefined, all: readonly Described[]): boolean =>
  all.filter((other) => dayOf(other) === dayOf(one)).length === 1;

describe("matching", () => {
  it("assigns an item to the right episode, not to one with nearly the same title", () => {
    const twin = { ...episode, title: "What the sea tells me" };
    expect(match([twin, episode], [episode])).toEqual([null, 0]);
    expect(match([twin, episode], [episode, twin])).toEqual([1, 0]);
  });

  it("finds nothing rather than something wrong", () => {
    const other = { title: "Part 2 of the talk about bread", date: episode.date, duration: episode.duration };
    expect(match([episode], [other, { ...episode, date: null, duration: null }])).toEqual([null]);
  });

  it("finds all of 5,000 in a feed that writes many things differently", async () => {
    const show = podcastShow(5_000);
    const items = await collect(feedItems(pieces(podcastFeed(show, "https://feeds.example.com"), 5_000)));
    const wanted = show.episodes.map(({ title, date, duration }) => ({
      title,
      date: Date.parse(date),
      duration,
    }));
    const found = matchEpisodes(wanted, items, show.name).map((index) =>
      typeof index === "number" ? items[index]?.mediaUrl : index,
    );
    expect(found).toEqual(
      show.episodes.map(({ exclusive, path }) =>
        exclusive ? null : `https://feeds.example.com${path}?a=1&b=2`,
      ),
    );
  });
});

describe("the score of a feed", () => {
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

  it("is read the same way in pieces of any size", async () => {
    const text = `<rss><channel><title>C</title><items>x</items>${item(whole)}<item rdf:about="x">${whole}</item></channel></rss>`;
    const known = {
      mediaUrl: "https://a.example.com/a.mp3?x=1&y=2",
      title: "A",
      date: null,
      localDay: null,
      duration: null,
    };
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

  it("may have relative addresses, and a base of its own", async () => {
    const relative = (more = "") => `<item${more}><title>A</title><enclosure url="a.mp3"/></item>`;
    const head = '<rss xml:base="/media/"><channel xml:base="x/">';
    const base = baseOf(`${head}${relative()}`, "https://feeds.example.com/show/feed.xml");
    expect(base).toBe("https://feeds.example.com/media/x/");
    const text = `${relative()}${relative(' xml:base="https://cdn.example.com/"')}`;
    const items = await collect(feedItems(pieces([text], 7), base));
    expect(items.map(({ mediaUrl }) => mediaUrl)).toEqual([
      ...["https://feeds.example.com/media/x/a.mp3", "https://cdn.example.com/a.mp3"],
    ]);
    expect(await read(relative())).toEqual([]);
  });

  it.each([
    ["text/xml", '<?xml version="1.0" encoding="ISO-8859-1"?>', "windows-1252"],
    ["text/xml; charset=Shift_JIS", '<?xml version="1.0" encoding="utf-8"?>', "shift_jis"],
    ["text/xml; charset=latin1", "\xef\xbb\xbf<rss>", "utf-8"],
    ["text/xml", "\xff\xfe<\0", "utf-16le"],
    ["text/xml", "\0<\0?", "utf-16be"],
    ["text/xml", "\n\n <?xml version='1.0' encoding='windows-1251'?>", "windows-1251"],
    ["text/xml", '<?xml version="1.0" encoding="nothing"?>', "utf-8"],
    ["", "", "utf-8"],
  ])("sent as %j with the head %j is in %s", (type, head, encoding) => {
    expect(decoderFor(type, Buffer.from(head, "latin1")).encoding).toBe(encoding);
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
  ])("has durations like %s", (value, seconds) => {
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
