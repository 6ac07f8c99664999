import { afterAll, describe, expect, it } from "vitest";
import { readKeyTag } from "../../processor/hls/key.ts";
import { parseMediaPlaylist, parsePlaylist } from "../../processor/hls/model.ts";
import { printPlaylist } from "../../processor/hls/print.ts";
import { cutPlaylist } from "../../processor/hls/window.ts";
import { boxesIn } from "../../processor/media/isobmff/boxes.ts";
import { joinVtt, ttmlToVtt } from "../../processor/stages/extras/vtt.ts";
import { textLines } from "../../processor/text-lines.ts";
import { xmlText } from "../../schema/storage/xml-answer.ts";
import { XmlRefusedError, xmlAttribute, xmlTokens } from "../../schema/xml.ts";
import type { ParserName } from "../support/parsers.ts";
import { ParsersApart } from "../support/parsers-apart.ts";

const apart = new ParsersApart();
afterAll(() => apart.close());

const MEGABYTES = 2 << 20;
/** Input that makes parsers slow when it is repeated. */
const REPEATED = [
  ..."<>&\"',=:;#/%\\ \t-.[]()0a\0\u00e9",
  ...[
    "\r",
    "\n",
    "\r\n",
    "\r\r\n",
    "<<",
    "<a",
    "<a ",
    "<a>",
    "<a/>",
    "</a>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
  ],
  ...[
    '<a b="',
    '<a b="c" ',
    "<p>",
    "<p begin='1s'>",
    "</p>",
    "<br/>",
    "<UploadId ",
    "<UploadId>",
    "<item>",
    "<title>",
  ],
  ...[
    "&amp",
    "&#x1;",
    "&#",
    "<!DOCTYPE a [",
    "<?xml ",
    '="',
    ',="',
    "A=",
    'URI="',
    ',URI="a"',
    "A,",
    "#EXT-X-KEY:",
  ],
  ...[
    "00:00:01.000 --> ",
    "1:",
    "--> ",
    "account ",
    "cookies ",
    "no video ",
    "live ",
    " Use --",
    "Ep. 1 - ",
    "1 : ",
  ],
  ...[
    "content-length: ",
    "content-length: 1\r\n",
    "\r\n\r\n",
    "\u6f22",
    "a.",
    "xn--",
    "%25",
    "\ufeff",
    "\u0301",
  ],
];
/** What comes before it, so that the rest is parsed as the format it pretends to be. */
const FRONTS: Readonly<Record<string, readonly string[]>> = {
  playlist: [
    "#EXTM3U\n",
    "#EXTM3U\n#EXT-X-MAP:",
    "#EXTM3U\n#EXTINF:1,\n",
    '#EXTM3U\n#EXT-X-ENDLIST\n#EXT-X-KEY:URI="',
  ],
  window: ["#EXTM3U\n#EXTINF:1,\na\n", '#EXTM3U\n#EXTINF:1,\n#EXT-X-KEY:METHOD=NONE,URI="'],
  live: ["#EXTM3U\n#EXTINF:1,\n", "#EXTM3U\n#EXT-X-KEY:"],
  manifest: [
    "<MPD><Period><AdaptationSet>",
    "<MPD><Period duration='PT1H'><Representation id='a'><SegmentTemplate media='",
    "<MPD><BaseURL>",
  ],
  frames: ["", "\xff\xfb\x90"],
  vtt: ["", "WEBVTT\n\n", "WEBVTT\n\n00:00:01.000 --> 00:00:02.000"],
  ttml: ["", "<tt>", "<tt><p begin='1s' end='2s'>", "<tt "],
  xml: ["", "<L>", "<L><Upload><Key>"],
  feed: ["", "<rss><channel><item>", "<item><title>", "<item><enclosure ", "<item><title><![CDATA["],
  title: [""],
  message: [""],
  lines: [""],
  head: [""],
  url: ["", "a.example/"],
};

describe("megabytes of repetition", () => {
  it.each(Object.entries(FRONTS))(
    "are read in linear time or refused: %s",
    async (parser, fronts) => {
      for (const front of fronts) {
        for (const piece of REPEATED) {
          const bytes = Buffer.from(front + piece.repeat(Math.ceil(MEGABYTES / 8 / piece.length)));
          await expect(apart.read(parser as ParserName, bytes)).resolves.toBeDefined();
        }
      }
    },
    600_000,
  );

  it.each(["iso", "isoHead", "transport", "segment"] as const)(
    "bytes: %s",
    async (parser) => {
      const atoms = [
        ...["free", "moov", "moof", "trak", "mdat", "stbl"].map((type) => atom(type)),
        Buffer.concat([atom("ftyp"), atom("moov", Buffer.alloc(1 << 20, atom("free")))]),
        Buffer.alloc(188, 0x47),
        Buffer.of(0, 0, 1),
        Buffer.of(0xff),
      ];
      for (const front of [Buffer.alloc(0), atom("ftyp"), Buffer.of(0x47)]) {
        for (const piece of atoms) {
          await expect(
            apart.read(parser, Buffer.concat([front, Buffer.alloc(MEGABYTES, piece)])),
          ).resolves.toBeDefined();
        }
      }
    },
    120_000,
  );
});

function atom(type: string, content: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + content.length);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, content]);
}

const refused = (read: () => unknown) => expect(read).toThrow(expect.objectContaining({ code: "network" }));

describe("playlist limits", () => {
  const read = (text: string) => printPlaylist(parsePlaylist(text, "https://a.example/"), () => "/0");
  it.each([
    ["a long line", `#EXTM3U\n#EXT-X-MAP:${"a".repeat(40_000)}`],
    ["many lines", `#EXTM3U${"\n".repeat(700_000)}`],
    ["many segments", `#EXTM3U${"\na".repeat(100_001)}`],
    [
      "a tag of many attributes",
      `#EXTM3U\n#EXT-X-MAP:URI="a"${Array.from({ length: 200 }, (_, i) => `,A${i}=1`).join("")}`,
    ],
    ["a long address", `#EXTM3U\n${"a".repeat(9_000)}`],
    ["an IV that is none", '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="a",IV=0xZZ\na'],
    ["an IV of 17 bytes", `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="a",IV=0x${"1".repeat(34)}\na`],
    ["a range beyond all files", "#EXTM3U\n#EXT-X-BYTERANGE:99999999999999999999\na"],
  ])("refuse %s", (_case, text) => refused(() => read(text)));

  it("treat an infinite number as missing", () => {
    const text = `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${"9".repeat(400)}\n#EXT-X-TARGETDURATION:-1\n#EXTINF:1e999,\na\n`;
    const { segments, targetSeconds } = parseMediaPlaylist(text, "https://a.example/");
    expect(segments).toMatchObject([{ sequence: 0, seconds: null }]);
    expect(targetSeconds).toBeNull();
    refused(() =>
      cutPlaylist(parseMediaPlaylist(`${text}#EXT-X-ENDLIST`, "https://a.example/"), { start: 0 }),
    );
  });

  it("let segments share the keys that apply to them", () => {
    const keys = Array.from({ length: 20_000 }, (_, i) => `#EXT-X-KEY:METHOD=AES-128,URI="${i}"`).join("\n");
    const text = `#EXTM3U\n${keys}\n${"#EXTINF:1,\na\n".repeat(50_000)}#EXT-X-ENDLIST`;
    const playlist = parseMediaPlaylist(text, "https://a.example/");
    expect(cutPlaylist(playlist, { start: 49_999 })).toMatchObject({ totalSeconds: 50_000 });
  });
});

describe("a tag that repeats an attribute, or that readers parse differently,", () => {
  it.each([
    ['#EXT-X-MAP:URI="a",URI="file:///b"', '#EXT-X-MAP:URI="/0"'],
    ['#EXT-X-MAP:X="\\",URI="a"', '#EXT-X-MAP:URI="/0"'],
    ["#EXT-X-MAP:URI=a file:///b", '#EXT-X-MAP:URI="/0"'],
    ['#EXT-X-MAP:a,b,URI="c"', '#EXT-X-MAP:URI="/0"'],
    ['#EXT-X-MAP: URI = "a" , BYTERANGE = "5@0"', '#EXT-X-MAP:URI="/0"'],
  ])("is rewritten from what was parsed: %s", (line, expected) => {
    let count = 0;
    const playlist = parsePlaylist(`#EXTM3U\n${line}\n#EXTINF:1,\na`, "https://a.example/");
    const { text } = printPlaylist(playlist, () => `/${count++}`);
    expect(text.split("\n")).toContain(expected);
  });

  it("is left out where it is not needed", () => {
    const playlist = parsePlaylist('#EXTM3U\n#EXT-X-MEDIA:URI="a",X="\\"', "https://a.example/");
    expect(printPlaylist(playlist, () => "/0").text).toContain('#EXT-X-MEDIA:X="",URI="/0"');
    const dates = parsePlaylist('#EXTM3U\n#EXT-X-DATERANGE:X-ASSET-URI="file:///b"\na', "https://a.example/");
    expect(printPlaylist(dates, () => "/0").text).not.toContain("file:");
  });

  it("keeps a key's initialisation vector", () => {
    expect(readKeyTag('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0Xa')?.iv?.toString("hex")).toBe(
      "a".padStart(32, "0"),
    );
  });
});

describe("XML", () => {
  it("is split into tags and texts, and comments and instructions are skipped", () => {
    const xml = '<?xml version="1.0"?><!DOCTYPE a><!-- <b> --><a c="1>2">x<![CDATA[<y>]]><d/></a>';
    expect(
      [...xmlTokens(xml)].map((token) =>
        token.kind === "text" ? token.text : `${token.kind} ${token.name}`,
      ),
    ).toEqual(["open a", "x", "<y>", "empty d", "close a"]);
    expect(xmlAttribute(' c="1" d=\'&lt;"\'', "d")).toBe('<"');
    expect(xmlAttribute(' c="d=1"', "d")).toBeNull();
  });

  it.each([
    ["a tag inside of a tag", "<a <a"],
    ["entities of its own", '<!DOCTYPE a [<!ENTITY b "c">]><a/>'],
    ["a long tag", `<a ${"b".repeat(20_000)}>`],
    ["more than it may have", "<a/>".repeat(500_001)],
  ])("is refused for %s", (_case, xml) => {
    expect(() => [...xmlTokens(xml)]).toThrow(XmlRefusedError);
  });

  it("of a storage gives no result when it is refused, and keeps unknown entities", () => {
    expect(xmlText(`<a>${"<UploadId ".repeat(50_000)}`, "UploadId")).toBeUndefined();
    expect(xmlText("<Code>&#x110000;&#0;&none;</Code>", "Code")).toBe("&#x110000;&#0;&none;");
  });
});

describe("subtitles are refused", () => {
  const error = expect.objectContaining({ code: "processing" });
  it("with more cues or longer lines than subtitles have", () => {
    expect(() => joinVtt([{ text: Array.from({ length: 100_001 }, (_, i) => `${i}`).join("\n\n") }])).toThrow(
      error,
    );
    expect(() => joinVtt([{ text: "a".repeat(70_000) }])).toThrow(error);
    expect(() => ttmlToVtt(`<tt>${"<p ".repeat(100_000)}`)).toThrow(error);
    expect(() => ttmlToVtt(`<tt>${'<p begin="1s" end="2s">a</p>'.repeat(100_001)}</tt>`)).toThrow(error);
  });

  it("and lines are counted before they are kept", () => {
    expect(textLines("\ufeffa\r\nb\n", { maxLines: 3, maxLineLength: 2 })).toEqual(["a", "b", ""]);
    expect(() => textLines("a\nb\nc", { maxLines: 2, maxLineLength: 1 })).toThrow("more than 2 lines");
    expect(() => textLines("ab", { maxLines: 2, maxLineLength: 1 })).toThrow("more than 1 characters");
  });
});

it("a box that contains nothing but empty boxes is damaged", () => {
  const bytes = Buffer.alloc(8 * 5000, atom("free"));
  expect(boxesIn(bytes, 0, bytes.length)).toBeNull();
  expect(boxesIn(bytes, 0, 8 * 4096)).toHaveLength(4096);
});
