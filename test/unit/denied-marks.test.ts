import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DeniedKind } from "../../schema/api/operator/denied.ts";
import { shownUrl } from "../../schema/shown-url.ts";
import { marksOfIdentity, marksOfUrl, termsOf } from "../../worker/services/rights/marks.ts";
import { cluesOf } from "../../worker/services/takedowns/clues.ts";

const VIDEO = "aqz-KE-bpKQ";
const EPISODE = "0Q86acNRm6V9GYx55SXKwf";

const isDenied = async (kind: DeniedKind, value: string, url: string): Promise<boolean> => {
  const terms = (await termsOf(kind, value)) ?? [];
  const marks = await marksOfUrl(url);
  return terms.some((term) => marks.includes(term));
};

const mixedCase = (text: string, flags: readonly boolean[]): string =>
  [...text].map((letter, index) => (flags[index % flags.length] ? letter.toUpperCase() : letter)).join("");

const parts = fc.record({
  scheme: fc.constantFrom("http", "https", "HTTPS"),
  flags: fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
  www: fc.constantFrom("", "www.", "m."),
  dot: fc.constantFrom("", "."),
  user: fc.constantFrom("", "user@", "user:password@"),
  noise: fc.constantFrom(
    "",
    "utm_source=x",
    "si=abc",
    "feature=share",
    "t=42s",
    "x=1&y=2",
    "a=1&b=2&c=3&d=4",
  ),
  fragment: fc.constantFrom("", "#t=10", "#/path"),
});
type Parts = typeof parts extends fc.Arbitrary<infer P> ? P : never;

const address = (
  { scheme, flags, dot, user, noise, fragment }: Parts,
  host: string,
  path: string,
): string => {
  const query = noise === "" ? "" : `${path.includes("?") ? "&" : "?"}${noise}`;
  return `${scheme}://${user}${mixedCase(host, flags)}${dot}${path}${query}${fragment}`;
};

/** Forms of one address, each paired with what it is a form of. */
const forms = {
  "https://site.example.org/watch/film": fc
    .tuple(
      parts,
      fc.constantFrom("/watch/film", "/watch/film/", "//watch//film", "/watch/%66ilm", "/a/../watch/film"),
    )
    .map(([some, path]) => address(some, `${some.www}site.example.org`, path)),
  "https://site.example.org/watch?v=1&list=2": fc
    .tuple(parts, fc.constantFrom("/watch?v=1&list=2", "/watch/?list=2&v=1", "/watch?l%69st=2&v=%31"))
    .map(([some, path]) => address(some, `${some.www}site.example.org`, path)),
  [`https://www.youtube.com/watch?v=${VIDEO}`]: fc
    .tuple(
      parts,
      fc.constantFrom(
        ...["youtu.be/ID", "www.youtube.com/watch?v=ID", "m.youtube.com/watch?v=ID&list=PLabc"],
        ...["youtube.com/shorts/ID", "www.youtube.com/embed/ID", "youtube.com/live/ID", "youtube.com/v/ID"],
        ...["www.youtube-nocookie.com/embed/ID", "music.youtube.com/watch?v=ID"],
      ),
    )
    .map(([some, form]) => {
      const slash = form.indexOf("/");
      return address(some, form.slice(0, slash), form.slice(slash).replace("ID", VIDEO));
    }),
  [`https://open.spotify.com/episode/${EPISODE}`]: fc
    .tuple(parts, fc.constantFrom("/episode/ID", "/intl-de/episode/ID", "/embed/episode/ID"))
    .map(([some, path]) => address({ ...some, dot: "" }, "open.spotify.com", path.replace("ID", EPISODE))),
};

describe("any form of an address", () => {
  it.each(Object.entries(forms))("%s is recognised", async (denied, form) => {
    await fc.assert(
      fc.asyncProperty(form, async (url) => {
        expect([url, await isDenied("url", denied, url)]).toEqual([url, true]);
        // and what is denied may be any of its forms
        expect([
          url,
          await isDenied("url", url.replace(/[?&](?:t|x|a|si|feature|utm_source)=.*$/, ""), denied),
        ]).toEqual([url, true]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(forms))("a takedown finds the jobs of %s in the database", async (denied, form) => {
    const clues = cluesOf({ kind: "url", value: denied }, (await termsOf("url", denied)) ?? []);
    await fc.assert(
      fc.asyncProperty(form, async (url) => {
        const stored = shownUrl(new URL(url).href).toLowerCase();
        expect([stored, clues.texts.some((text) => stored.includes(text))]).toEqual([stored, true]);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a denial", () => {
  it.each([
    ["url", "https://site.example.org/watch/film", "https://site.example.org/"],
    ["url", "https://site.example.org/watch/film", "https://site.example.org/watch"],
    ["url", "https://site.example.org/watch/film", "https://site.example.org/watch/FILM"],
    ["url", "https://site.example.org/", "https://site.example.org/?p=12"],
    ["url", "https://site.example.org/?p=12", "https://site.example.org/?p=13"],
    ["url", "https://site.example.org/watch?v=1&list=2", "https://site.example.org/watch?v=1"],
    ["url", `https://youtu.be/${VIDEO}`, "https://youtu.be/aqz-KE-bpKq"],
    ["site", "example.org", "https://notexample.org/a"],
    ["site", "sub.example.org", "https://example.org/a"],
    ["channel", "https://www.youtube.com/@one", "https://www.youtube.com/@onetwo"],
  ] as const)("by %s %s leaves %s alone", async (kind, value, url) => {
    expect(await isDenied(kind, value, url)).toBe(false);
  });

  it.each([
    ["site", "Example.ORG", "https://a.b.example.org:8443/x"],
    ["site", "https://www.example.org/page", "https://example.org/x"],
    ["site", "youtube.com", "https://youtu.be/abc"],
    ["site", "youtube", "https://www.youtube-nocookie.com/embed/x"],
    ["site", "192.0.2.7", "http://0xC0000207/a.mp4"],
    ["channel", "https://www.youtube.com/@Handle/videos", "https://m.youtube.com/@handle"],
    ["channel", "youtube @handle", "https://www.youtube.com/@Handle/streams"],
    ["channel", "https://www.twitch.tv/Somebody", "https://twitch.tv/somebody"],
  ] as const)("by %s %s covers %s", async (kind, value, url) => {
    expect(await isDenied(kind, value, url)).toBe(true);
  });

  it("by a channel covers what its site says of a publisher", async () => {
    const found = {
      urls: [],
      extractor: "twitch:vod",
      media: null,
      channels: ["somebody"],
      channel_urls: [],
    };
    const marks = await marksOfIdentity(found);
    expect(marks).toEqual(
      expect.arrayContaining((await termsOf("channel", "https://twitch.tv/Somebody"))?.slice(0, 1) ?? []),
    );
  });

  it("stores no secret of an address", async () => {
    const secret = "a-secret-of-an-address";
    const terms = await termsOf("url", `https://user:${secret}@example.org/${secret}?token=${secret}`);
    expect(JSON.stringify(terms)).not.toContain(secret);
    expect(JSON.stringify(await marksOfUrl(`https://example.org/x?token=${secret}`))).not.toContain(secret);
  });
});
