import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HlsResource, rewritePlaylist } from "../../processor/hls/playlist.ts";

const BASE = "https://cdn.example/video/1080/index.m3u8?token=a";

function rewrite(lines: readonly string[], base = BASE) {
  const mounted: HlsResource[] = [];
  const playlist = rewritePlaylist(lines.join("\n"), base, (resource) => {
    mounted.push(resource);
    return `/${mounted.length - 1}${resource.extension}`;
  });
  return { ...playlist, mounted, lines: playlist.text.split("\n") };
}

describe("an HLS playlist is rewritten", () => {
  it("with every segment, key and map of a media playlist", () => {
    const { lines, mounted, isMaster, isLive } = rewrite([
      "#EXTM3U",
      "#EXT-X-TARGETDURATION:4",
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="../keys/1.key?x=1",IV=0x01',
      '#EXT-X-MAP:URI="init.mp4"',
      "#EXTINF:4,",
      "seg-1.m4s",
      "# a remark",
      "#EXTINF:4,",
      "//other.example/seg-2.m4s",
      "#EXT-X-ENDLIST",
    ]);
    expect(lines).toEqual([
      "#EXTM3U",
      "#EXT-X-TARGETDURATION:4",
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/0.key",IV=0x01',
      '#EXT-X-MAP:URI="/1.mp4"',
      "#EXTINF:4,",
      "/2.m4s",
      "# a remark",
      "#EXTINF:4,",
      "/3.m4s",
      "#EXT-X-ENDLIST",
    ]);
    expect(mounted.map(({ kind, url }) => `${kind} ${url}`)).toEqual([
      "key https://cdn.example/video/keys/1.key?x=1",
      "map https://cdn.example/video/1080/init.mp4",
      "segment https://cdn.example/video/1080/seg-1.m4s",
      "segment https://other.example/seg-2.m4s",
    ]);
    expect({ isMaster, isLive }).toEqual({ isMaster: false, isLive: false });
  });

  it("with the playlists of a master playlist", () => {
    const { isOneStream, lines, mounted, isMaster } = rewrite([
      "#EXTM3U",
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, \\"y\\"",URI="audio/index.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"',
      "720.m3u8",
      '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"',
    ]);
    expect({ isMaster, isOneStream }).toEqual({ isMaster: true, isOneStream: false });
    expect(mounted.map(({ kind }) => kind)).toEqual(["playlist", "playlist", "playlist"]);
    expect(lines[1]).toContain('GROUP-ID="a"');
    expect(lines[1]).toContain('URI="/0.m3u8"');
    expect(lines[3]).toBe("/1.m3u8");
  });

  it("so that each byte range is a resource of its own", () => {
    const { lines, mounted } = rewrite([
      "#EXTM3U",
      '#EXT-X-MAP:BYTERANGE="100@0",URI="all.mp4"',
      "#EXTINF:4,",
      "#EXT-X-BYTERANGE:50@100",
      "all.mp4",
      "#EXTINF:4,",
      "#EXT-X-BYTERANGE:60",
      "all.mp4",
      "#EXTINF:4,",
      "whole.mp4",
      "#EXT-X-ENDLIST",
    ]);
    expect(lines.join("\n")).not.toContain("BYTERANGE");
    expect(lines[1]).toBe('#EXT-X-MAP:URI="/0.mp4"');
    expect(mounted.map(({ span }) => span)).toEqual([
      { start: 0, end: 100 },
      { start: 100, end: 150 },
      { start: 150, end: 210 },
      undefined,
    ]);
  });

  it("as live when it has no end, without its low-latency pieces", () => {
    const { isLive, lines, mounted } = rewrite([
      "#EXTM3U",
      "#EXTINF:4,",
      "1.ts",
      '#EXT-X-PART:DURATION=1,URI="2.1.ts",BYTERANGE="1@2"',
      '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.2.ts"',
      '#EXT-X-RENDITION-REPORT:URI="../b.m3u8"',
    ]);
    expect(isLive).toBe(true);
    expect(lines).toEqual(["#EXTM3U", "#EXTINF:4,", "/0.ts"]);
    expect(mounted).toHaveLength(1);
  });

  it("with extensions that readers accept, whatever the source calls its segments", () => {
    const ts = rewrite(["#EXTM3U", "#EXTINF:4,", "picture.jpg?real=ts", "#EXTINF:4,", "noext"]);
    expect(ts.mounted.map(({ extension }) => extension)).toEqual([".ts", ".ts"]);
    const fmp4 = rewrite([
      "#EXTM3U",
      '#EXT-X-MAP:URI="i.php"',
      "#EXTINF:4,",
      "s.html",
      "#EXTINF:4,",
      "s.AAC",
    ]);
    expect(fmp4.mounted.map(({ extension }) => extension)).toEqual([".m4s", ".m4s", ".aac"]);
  });

  it("so that what is encrypted as a whole has its key, and its reader sees none", () => {
    const { lines, mounted } = rewrite([
      ...["#EXTM3U", "#EXT-X-MEDIA-SEQUENCE:258", "#EXTINF:4,", "clear.ts"],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="../k/1"', "#EXTINF:4,", "1.ts", "#EXTINF:4,", "2.ts"],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="../k/2",IV=0xAB', '#EXT-X-MAP:URI="i.mp4"', "#EXTINF:4,", "3.m4s"],
      ...["#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "4.m4s", "#EXT-X-ENDLIST"],
    ]);
    expect(lines.filter((line) => line.startsWith("#EXT-X-KEY"))).toEqual(["#EXT-X-KEY:METHOD=NONE"]);
    expect(
      mounted.map(
        ({ key }) => key && `${key.url.slice("https://cdn.example".length)} ${key.iv.toString("hex")}`,
      ),
    ).toEqual([
      undefined,
      `/video/k/1 ${"103".padStart(32, "0")}`,
      `/video/k/1 ${"104".padStart(32, "0")}`,
      ...Array.from({ length: 2 }, () => `/video/k/2 ${"ab".padStart(32, "0")}`),
      undefined,
    ]);
  });

  it.each([
    ["of segments alone", true, ["#EXTINF:4,", "1.ts", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "2.ts"]],
    ["behind one initialisation", true, ['#EXT-X-MAP:URI="i.mp4"', "#EXTINF:4,", "1.m4s"]],
    ["of byte ranges", true, ["#EXT-X-BYTERANGE:5@0", "a.ts", "#EXT-X-BYTERANGE:5", "a.ts"]],
    ["that begins anew", false, ["1.ts", "#EXT-X-DISCONTINUITY", "2.ts"]],
    ["with holes", false, ["1.ts", "#EXT-X-GAP", "2.ts"]],
    ["that is encrypted as a whole", true, ['#EXT-X-KEY:METHOD=AES-128,URI="k"', "1.ts"]],
    ["that is encrypted sample by sample", false, ['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k"', "1.ts"]],
    ["with another initialisation", false, ['#EXT-X-MAP:URI="i"', "1.m4s", '#EXT-X-MAP:URI="j"', "2.m4s"]],
    ["with an initialisation that comes late", false, ["1.m4s", '#EXT-X-MAP:URI="i"', "2.m4s"]],
  ])("and is one stream of media or not: one %s", (_case, isOneStream, lines) => {
    expect(rewrite(["#EXTM3U", ...lines, "#EXT-X-ENDLIST"])).toMatchObject({ isOneStream });
    // what still grows is none, whatever it holds
    expect(rewrite(["#EXTM3U", ...lines])).toMatchObject({ isOneStream: false });
  });

  it("with CRLF and a byte order mark", () => {
    const { text } = rewritePlaylist("\uFEFF#EXTM3U\r\n#EXTINF:4,\r\n1.ts\r\n", BASE, () => "/x");
    expect(text).toBe("#EXTM3U\n#EXTINF:4,\n/x\n");
  });
});

describe("an HLS playlist is refused", () => {
  it.each([
    ["a file: segment", ["#EXTM3U", "#EXTINF:4,", "file:///etc/passwd"], "egress_blocked"],
    ["a concat: segment", ["#EXTM3U", "#EXTINF:4,", "concat:a|b"], "egress_blocked"],
    ["a data: key", ["#EXTM3U", '#EXT-X-KEY:METHOD=AES-128,URI="data:,a"'], "egress_blocked"],
    ["a FairPlay key", ["#EXTM3U", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a"'], "drm"],
    ["a licensed key format", ["#EXTM3U", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="a",KEYFORMAT="com.x"'], "drm"],
    ["an unreadable byte range", ["#EXTM3U", "#EXT-X-BYTERANGE:x", "1.ts"], "network"],
    ["a page instead of a playlist", ["<html>"], "network"],
  ])("for %s", (_case, lines, code) => {
    expect(() => rewrite(lines)).toThrow(expect.objectContaining({ code }));
  });

  it("or holds no address but ours, whatever its lines are", () => {
    const line = fc.oneof(
      fc.webUrl({ withQueryParameters: true }),
      fc.webPath().map((path) => `folder${path}`),
      fc.webUrl().map((url) => `#EXT-X-KEY:METHOD=AES-128,URI="${url}"`),
      fc.webUrl().map((url) => `#EXT-X-MAP:URI="${url}",BYTERANGE="1@2"`),
      fc.constantFrom("#EXTINF:4,", "#EXT-X-DISCONTINUITY", ""),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { text } = rewrite(["#EXTM3U", ...lines]);
        expect(text).not.toMatch(/https?:\/\//);
      }),
    );
  });
});
