import { createCipheriv, createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decrypted, inlineBytes } from "../../processor/hls/key.ts";
import { parseMediaPlaylist, parsePlaylist } from "../../processor/hls/model.ts";
import { type HlsResource, printPlaylist } from "../../processor/hls/print.ts";

const BASE = "https://cdn.example/video/1080/index.m3u8?token=a";

function rewrite(lines: readonly string[], base = BASE) {
  const mounted: HlsResource[] = [];
  const playlist = parsePlaylist(lines.join("\n"), base);
  const { text } = printPlaylist(playlist, (resource) => {
    mounted.push(resource);
    return `/${mounted.length - 1}${resource.extension}`;
  });
  return { playlist, text, mounted, lines: text.split("\n").filter((line) => line !== "") };
}

const media = (lines: readonly string[], base = BASE) => parseMediaPlaylist(lines.join("\n"), base);

describe("an HLS playlist is rewritten", () => {
  it("with every segment, key and map of a media playlist", () => {
    const { lines, mounted, playlist } = rewrite([
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
      "#EXT-X-VERSION:7",
      "#EXT-X-TARGETDURATION:4",
      "#EXT-X-MEDIA-SEQUENCE:0",
      `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/0.key",IV=0x${"1".padStart(32, "0")}`,
      '#EXT-X-MAP:URI="/1.mp4"',
      "#EXTINF:4,",
      "/2.m4s",
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
    expect(playlist).toMatchObject({ kind: "media", hasEnded: true });
  });

  it("with the playlists of a master playlist", () => {
    const { lines, mounted, playlist } = rewrite([
      "#EXTM3U",
      '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x, \\"y\\"",URI="audio/index.m3u8"',
      '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"',
      "720.m3u8",
      '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"',
    ]);
    expect(playlist.kind).toBe("master");
    expect(mounted.map(({ kind }) => kind)).toEqual(["playlist", "playlist", "playlist"]);
    expect(lines[2]).toContain('GROUP-ID="a"');
    expect(lines[2]).toContain('URI="/0.m3u8"');
    expect(lines[4]).toBe("/1.m3u8");
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
    expect(lines).toContain('#EXT-X-MAP:URI="/0.mp4"');
    expect(mounted.map(({ span }) => span)).toEqual([
      { start: 0, end: 100 },
      { start: 100, end: 150 },
      { start: 150, end: 210 },
      undefined,
    ]);
  });

  it("as live when it has no end, without its low-latency parts", () => {
    const { playlist, lines, mounted } = rewrite([
      "#EXTM3U",
      "#EXTINF:4,",
      "1.ts",
      '#EXT-X-PART:DURATION=1,URI="2.1.ts",BYTERANGE="1@2"',
      '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="2.2.ts"',
      '#EXT-X-RENDITION-REPORT:URI="../b.m3u8"',
    ]);
    expect(playlist).toMatchObject({ hasEnded: false });
    expect(lines.slice(4)).toEqual(["#EXTINF:4,", "/0.ts"]);
    expect(mounted).toHaveLength(1);
  });

  it("with extensions that readers accept, whatever the source's names are", () => {
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

  it("so that fully encrypted segments have a key, which their reader does not see", () => {
    const { lines, mounted } = rewrite([
      ...["#EXTM3U", "#EXT-X-MEDIA-SEQUENCE:258", "#EXTINF:4,", "clear.ts"],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="../k/1"', "#EXTINF:4,", "1.ts", "#EXTINF:4,", "2.ts"],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="../k/2",IV=0xAB', '#EXT-X-MAP:URI="i.mp4"', "#EXTINF:4,", "3.m4s"],
      ...["#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "4.m4s", "#EXT-X-ENDLIST"],
    ]);
    expect(lines.filter((line) => line.startsWith("#EXT-X-KEY"))).toEqual([]);
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
    ["of segments alone", [0, 0], ["#EXTINF:4,", "1.ts", "#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "2.ts"]],
    ["behind one initialisation", [0], ['#EXT-X-MAP:URI="i.mp4"', "#EXTINF:4,", "1.m4s"]],
    [
      "behind one that is named again",
      [0, 0],
      ['#EXT-X-MAP:URI="i.mp4"', "1.m4s", '#EXT-X-MAP:URI="i.mp4"', "2.m4s"],
    ],
    ["of byte ranges", [0, 0], ["#EXT-X-BYTERANGE:5@0", "a.ts", "#EXT-X-BYTERANGE:5", "a.ts"]],
    ["that begins anew", [0, 1], ["#EXT-X-DISCONTINUITY", "1.ts", "#EXT-X-DISCONTINUITY ", "2.ts"]],
    ["of an encoder that restarted", [0], ["#EXT-X-DISCONTINUITY-SEQUENCE:5", "1.ts"]],
    ["with gaps", [0, 0], ["1.ts", "#EXT-X-GAP", "2.ts"]],
    ["that is encrypted as a whole", [0], ['#EXT-X-KEY:METHOD=AES-128,URI="k"', "1.ts"]],
    ["with another initialisation", [0, 1], ['#EXT-X-MAP:URI="i"', "1.m4s", '#EXT-X-MAP:URI="j"', "2.m4s"]],
    ["with an initialisation that comes late", [0, 1], ["1.m4s", '#EXT-X-MAP:URI="i"', "2.m4s"]],
  ])("and has parts with separate clocks: one %s", (_case, parts, lines) => {
    expect(media(["#EXTM3U", ...lines]).segments.map(({ part }) => part)).toEqual(parts);
  });

  it("without its gaps, whose segments are never requested", () => {
    const { lines, mounted } = rewrite([
      ...["#EXTM3U", "#EXTINF:4,", "1.ts", "#EXT-X-GAP", "#EXTINF:4,", "gone.ts", "#EXTINF:4,", "3.ts"],
      "#EXT-X-ENDLIST",
    ]);
    expect(mounted.map(({ url }) => url.slice(-4))).toEqual(["1.ts", "3.ts"]);
    expect(lines.join("\n")).not.toContain("GAP");
  });

  it("with CRLF, a byte order mark, and spaces around its lines", () => {
    const { segments } = media(["\uFEFF#EXTM3U\r", " #EXTINF: 4.5 ,a title\r", "\t1.ts \r", ""]);
    expect(segments).toMatchObject([{ seconds: 4.5, url: "https://cdn.example/video/1080/1.ts" }]);
  });

  it.each([
    ["ENDLIST", ["#EXT-X-ENDLIST"], true],
    ["a type that cannot grow", ["#EXT-X-PLAYLIST-TYPE:VOD"], true],
    ["a type that grows", ["#EXT-X-PLAYLIST-TYPE:EVENT"], false],
    ["nothing", [], false],
  ])("and has ended or not, by %s", (_case, lines, hasEnded) => {
    expect(media(["#EXTM3U", ...lines, "1.ts"])).toMatchObject({ hasEnded });
    expect(rewrite(["#EXTM3U", ...lines, "1.ts"]).lines.includes("#EXT-X-ENDLIST")).toBe(hasEnded);
  });

  it("with its variables replaced, wherever their values come from", () => {
    const { playlist } = rewrite([
      ...["#EXTM3U", '#EXT-X-DEFINE:NAME="host",VALUE="b.example"', '#EXT-X-DEFINE:QUERYPARAM="token"'],
      ...['#EXT-X-KEY:METHOD=AES-128,URI="https://{$host}/k"', "#EXTINF:4,", "//{$host}/1.ts?t={$token}"],
    ]);
    expect(playlist).toMatchObject({
      segments: [{ url: "https://b.example/1.ts?t=a", key: { url: "https://b.example/k" } }],
    });
    const master = parsePlaylist(
      '#EXTM3U\n#EXT-X-DEFINE:NAME="p",VALUE="x"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$p}/a.m3u8',
      BASE,
    );
    expect(master).toMatchObject({ entries: [{ url: "https://cdn.example/video/1080/x/a.m3u8" }] });
    const imported = master.kind === "master" ? master.variables : new Map();
    expect(
      parsePlaylist('#EXTM3U\n#EXT-X-DEFINE:IMPORT="p"\n#EXTINF:4,\n{$p}.ts', BASE, imported),
    ).toMatchObject({ segments: [{ url: "https://cdn.example/video/1080/x.ts" }] });
  });

  it.each([
    ["with spaces around everything", '#EXT-X-KEY: METHOD = AES-128 , URI = "../k" , IV = 0xAB'],
    ["without quotes", "#EXT-X-KEY:METHOD=AES-128,URI=../k,IV=0xAB"],
    ["with quotes around everything", '#EXT-X-KEY:METHOD="AES-128",URI="../k",IV="0xab"'],
    ["in lower case", '#EXT-X-KEY:METHOD=aes-128,URI="../k",IV=0Xab'],
    [
      "next to one for licensed players",
      '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"\n' +
        '#EXT-X-KEY:METHOD=AES-128,URI="../k",IV=0xAB,KEYFORMAT="identity"',
    ],
  ])("with a key that is written %s", (_case, line) => {
    const [segment] = media(["#EXTM3U", line, "#EXTINF:4,", "1.ts"]).segments;
    expect(segment?.key?.url).toBe("https://cdn.example/video/k");
    expect(segment?.key?.iv.toString("hex")).toBe("ab".padStart(32, "0"));
  });

  it("with a key that stays in effect while those for licensed players change", () => {
    const fairPlay = (id: string) =>
      `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://${id}",KEYFORMAT="com.apple.streamingkeydelivery"`;
    const key = '#EXT-X-KEY:METHOD=AES-128,URI="k",KEYFORMAT="Identity"';
    const lines = [key, fairPlay("1"), "#EXTINF:4,", "1.ts", fairPlay("2"), "#EXTINF:4,", "2.ts"];
    const { segments } = media(["#EXTM3U", ...lines, "#EXT-X-KEY:METHOD=NONE", "#EXTINF:4,", "3.ts"]);
    const url = "https://cdn.example/video/1080/k";
    expect(segments.map((segment) => segment.key?.url)).toEqual([url, url, undefined]);
  });

  it("with a key that is embedded in the playlist", () => {
    const uri = "data:application/octet-stream;base64,AAECAwQFBgcICQoLDA0ODw==";
    const { mounted } = rewrite(["#EXTM3U", `#EXT-X-KEY:METHOD=AES-128,URI="${uri}"`, "#EXTINF:4,", "1.ts"]);
    expect(mounted[0]?.key?.url).toBe(uri);
    expect(inlineBytes(uri)?.toString("hex")).toBe("000102030405060708090a0b0c0d0e0f");
    expect(inlineBytes("data:,a%ff")?.toString("hex")).toBe("61ff");
  });
});

describe("encrypted segments", () => {
  const key = Buffer.alloc(16, 1);
  const decrypt = async (encrypted: Buffer, piece: number): Promise<Buffer> => {
    const batches = Array.from({ length: Math.ceil(encrypted.length / piece) }, (_, index) => [
      encrypted.subarray(index * piece, (index + 1) * piece),
    ]);
    const clear: Buffer[] = [];
    for await (const batch of decrypted(batches, createDecipheriv("aes-128-cbc", key, key)))
      clear.push(...batch.map((chunk) => Buffer.from(chunk)));
    return Buffer.concat(clear);
  };

  it("are decrypted with and without their padding, in whatever pieces they arrive", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 64 }),
        fc.boolean(),
        async (bytes, piece, isPadded) => {
          // what looks like padding is treated as padding
          const whole = Buffer.concat([bytes.subarray(0, isPadded ? 200 : bytes.length & ~15)]);
          if (!isPadded && whole.length > 0) whole[whole.length - 1] = 0x47;
          const cipher = createCipheriv("aes-128-cbc", key, key).setAutoPadding(isPadded);
          const encrypted = Buffer.concat([cipher.update(whole), cipher.final()]);
          expect(await decrypt(encrypted, piece)).toEqual(whole);
        },
      ),
    );
  });

  it("that end in the middle of a block are broken", async () => {
    await expect(decrypt(Buffer.alloc(40), 40)).rejects.toMatchObject({ code: "truncated" });
  });
});

describe("an HLS playlist is refused", () => {
  it.each([
    ["a file: segment", ["#EXTM3U", "#EXTINF:4,", "file:///etc/passwd"], "egress_blocked"],
    ["a concat: segment", ["#EXTM3U", "#EXTINF:4,", "concat:a|b"], "egress_blocked"],
    ["a data: segment", ["#EXTM3U", "#EXTINF:4,", "data:,a"], "egress_blocked"],
    ["a variable without a value", ["#EXTM3U", '#EXT-X-DEFINE:NAME="a",VALUE="b"', "{$c}.ts"], "network"],
    ["a FairPlay key", ["#EXTM3U", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://a"'], "drm"],
    ["a licensed key format", ["#EXTM3U", '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="a",KEYFORMAT="com.x"'], "drm"],
    ["an unreadable byte range", ["#EXTM3U", "#EXT-X-BYTERANGE:x", "1.ts"], "network"],
    ["a page instead of a playlist", ["<html>"], "network"],
  ])("for %s", (_case, lines, code) => {
    expect(() => rewrite(lines)).toThrow(expect.objectContaining({ code }));
  });

  it("or contains only local addresses, whatever its lines are", () => {
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
