import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shownText, shownUrl } from "../../schema/shown-url.ts";

const SECRET = "kA9-canary_Zq81xx";

describe("a URL is shown without its secrets", () => {
  it.each([
    ["https://example.com/a.mp4", "https://example.com/a.mp4"],
    ["HTTPS://Example.com/a b.mp4", "HTTPS://Example.com/a b.mp4"],
    ["https://www.youtube.com/watch?v=aqz-KE-bpKQ&t=10", "https://www.youtube.com/watch?v=aqz-KE-bpKQ&t=10"],
    [
      "https://www.youtube.com/playlist?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
      "https://www.youtube.com/playlist?list=PLrAXtmErZgOeiKm4sgNOknGvNjby9efdf",
    ],
    ["https://me:hunter2@example.com/a", "https://***@example.com/a"],
    ["https://token@example.com/a", "https://***@example.com/a"],
    ["https://example.com/a?token=a", "https://example.com/a?token=***"],
    ["https://example.com/a?page=2&X-Amz-Signature=ab", "https://example.com/a?page=2&X-Amz-Signature=***"],
    ["https://example.com/a?q=0123456789abcdef", "https://example.com/a?q=***"],
    ["https://example.com/a?0123456789abcdef", "https://example.com/a?***"],
    ["https://example.com/a#access_token=a", "https://example.com/a#access_token=***"],
    [
      "https://cdn.example/bcdn_token=abc&expires=1/a.m3u8",
      "https://cdn.example/bcdn_token=***&expires=1/a.m3u8",
    ],
    ["https://cdn.example/eyJhbGciOi.eyJzdWIi.c2ln/a.m3u8", "https://cdn.example/***/a.m3u8"],
    ["https://example.com/a?%74oken=b", "https://example.com/a?%74oken=***"],
    ["not a URL", "***"],
  ])("%s", (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
  });

  it("wherever they are in userinfo, query and fragment, and a second pass changes nothing", () => {
    const name = fc.stringMatching(/^[a-zA-Z_][\w-]{0,30}$/).filter((text) => !/^(v|list)$/.test(text));
    const harmless = fc.webUrl({ withQueryParameters: true, withFragments: true });
    fc.assert(
      fc.property(harmless, name, fc.nat(3), (base, parameter, place) => {
        const url = new URL(base);
        if (place === 0) url.password = SECRET;
        if (place === 1) url.username = SECRET;
        if (place === 2) url.searchParams.append(parameter, SECRET);
        if (place === 3) url.hash = `${parameter}=${SECRET}`;
        const shown = shownUrl(url.href);
        expect(decodeURIComponent(shown.replaceAll(/%(?![0-9a-f]{2})/gi, ""))).not.toContain("canary");
        expect(new URL(shown).host).toBe(url.host);
        expect(shownUrl(shown)).toBe(shown);
      }),
    );
  });

  it("in every text of a tool or an exception", () => {
    expect(shownText(`GET "https://u:p@a.example/x?sig=${SECRET}" failed (http://b.example/?k=1).`)).toBe(
      'GET "https://***@a.example/x?sig=***" failed (http://b.example/?k=1).',
    );
    expect(shownText(`[generic] 404?a=1&token=${SECRET}: Unable to download`)).toBe(
      "[generic] 404?a=1&token=***: Unable to download",
    );
    expect(shownText(`rtmp://u:${SECRET}@a.example/live`)).toBe("rtmp://***@a.example/live");
    expect(shownText("no address at all")).toBe("no address at all");
    expect(shownText(`https://${"?".repeat(200_000)}`).length).toBeLessThan(300_000);
  });
});
