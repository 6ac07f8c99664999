import { describe, expect, it } from "vitest";
import { SourceCookies } from "../../processor/egress/cookies.ts";
import { applyCookieChanges, type Cookie, changedCookies } from "../../schema/cookies/cookie.ts";
import { printNetscape, readableCookies } from "../../schema/cookies/netscape.ts";

function jar(line: string, url: string): SourceCookies {
  const cookies = new SourceCookies();
  cookies.accept([line], url);
  return cookies;
}

describe("a cookie is sent where RFC 6265 says", () => {
  it.each([
    ["Domain=example.com", "https://www.example.com/", "https://cdn.example.com/a.ts", true],
    ["Domain=.example.com", "https://www.example.com/", "https://example.com/a.ts", true],
    ["Domain=example.com", "https://www.example.com/", "https://example.com.evil.net/a.ts", false],
    ["Domain=example.com", "https://www.example.com/", "https://badexample.com/a.ts", false],
    ["", "https://www.example.com/", "https://www.example.com:8443/a.ts", true],
    ["", "https://www.example.com/", "https://cdn.example.com/a.ts", false],
    ["", "https://example.com/", "https://cdn.example.com/a.ts", false],
    ["Domain=other.net", "https://www.example.com/", "https://other.net/a.ts", false],
    ["Domain=cdn.example.com", "https://www.example.com/", "https://cdn.example.com/a.ts", false],
    ["Domain=com", "https://www.example.com/", "https://other.com/a.ts", false],
    ["Domain=co.uk", "https://www.example.co.uk/", "https://other.co.uk/a.ts", false],
    ["Domain=github.io", "https://mine.github.io/", "https://yours.github.io/a.ts", false],
    ["Path=/media", "https://www.example.com/", "https://www.example.com/media/a.ts", true],
    ["Path=/media", "https://www.example.com/", "https://www.example.com/other/a.ts", false],
    ["Secure", "https://www.example.com/", "http://www.example.com/a.ts", false],
    ["Max-Age=0", "https://www.example.com/", "https://www.example.com/a.ts", false],
    ["", "http://127.0.0.1:8000/", "http://127.0.0.1:9000/a.ts", true],
    ["Domain=0.0.1", "http://127.0.0.1:8000/", "http://127.0.0.2/a.ts", false],
  ])("%s of %s to %s: %s", (attributes, from, to, sent) => {
    const header = jar(`sid=1; Path=/; ${attributes}`.replace("Path=/; Path", "Path"), from).headerFor(
      to,
      undefined,
    );
    expect(header).toBe(sent ? "sid=1" : undefined);
  });

  it("replaces the one with that name in a header, and leaves the others", () => {
    const cookies = jar("sid=new; Domain=example.com; Path=/", "https://example.com/");
    expect(cookies.headerFor("https://a.example.com/", "sid=old; lang=de")).toBe("lang=de; sid=new");
    expect(cookies.headerFor("https://other.net/", "sid=old")).toBe("sid=old");
  });

  it("is kept in bounded memory, and invalid cookies are ignored", () => {
    const cookies = new SourceCookies();
    const url = "https://example.com/";
    cookies.accept(["", "=", ";;;", "a".repeat(10_000), "\u0000=1"], url);
    cookies.accept(
      Array.from({ length: 5_000 }, (_, index) => `c${index}=1`),
      url,
    );
    expect((cookies.headerFor(url, undefined) ?? "").split("; ").length).toBeLessThanOrEqual(500);
  });

  it("starts again with stored ones, follows what the site changes, and reports what is left", () => {
    const stored = (name: string, change: Partial<Cookie> = {}): Cookie => ({
      ...{ domain: "example.com", hostOnly: false, path: "/", secure: true, expires: 4_102_444_800 },
      ...{ name, value: "1", ...change },
    });
    const cookies = jar("former=1", "https://example.com/");
    const given = [stored("sid"), stored("gone"), stored("host", { hostOnly: true, expires: null })];
    cookies.restart([...given, stored("suffix", { domain: "com" })]);
    expect(cookies.headerFor("https://a.example.com/", undefined)).toBe("sid=1; gone=1");
    expect(cookies.headerFor("https://example.org/", undefined)).toBeUndefined();
    cookies.accept(
      ["sid=2; Domain=example.com; Path=/; Secure", "gone=; Max-Age=0; Domain=example.com; Path=/"],
      "https://www.example.com/",
    );
    const changes = changedCookies(given, cookies.all());
    expect(changes).toEqual([
      stored("sid", { value: "2", expires: null }),
      stored("gone", { value: "", expires: 1 }),
    ]);
    expect(applyCookieChanges(given, changes, Date.now())).toEqual([changes[0], given[2]]);
  });

  it("writes no line that a site's value would break", () => {
    const odd = "127.0.0.1\tFALSE\t/\tFALSE\t0\ta\tb\tc\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t1\n";
    const read = readableCookies(odd);
    expect(read.map(({ name }) => name)).toEqual(["sid"]);
    expect(printNetscape([...read, ...read.map((cookie) => ({ ...cookie, value: "a\tb" }))])).toBe(
      "# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t1\n",
    );
  });
});
