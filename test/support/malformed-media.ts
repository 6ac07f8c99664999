import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { media } from "./media.ts";
import { mutated, randomOf } from "./mutations.ts";
import type { ParserName } from "./parsers.ts";

/** Damaged inputs of every kind that the project reads, each identified by its number. */

interface Kind {
  readonly originals: readonly Buffer[];
  /** Keywords of the format. */
  readonly words: readonly string[];
  /** The part of the project that reads it. */
  readonly parsers: readonly ParserName[];
  /** The name that a source gives it. */
  readonly extension: string;
}

export interface MalformedInput {
  readonly kind: string;
  readonly bytes: Buffer;
  readonly parsers: readonly ParserName[];
  readonly extension: string;
}

const VTT = `WEBVTT

STYLE
::cue { color: white }

1
00:00:00.500 --> 00:00:01.500 align:start
One &amp; two

00:01.500 --> 00:02.500
<v Somebody>Three</v>
`;
const TTML = `<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:tickRate="1000" ttp:frameRate="25">
<body><div><p begin="00:00:00.500" end="00:00:01:12">One &amp; <span>two</span><br/>three</p>
<p begin="2000t" dur="1.5s">&#x41;&#66;</p></div></body></tt>`;
const FEED = `<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>A show</title>
<item><title>Ep. 1 - One &amp; two</title><enclosure url="https://a.example/1.mp3?a=1&amp;b=2" type="audio/mpeg"/>
<pubDate>Mon, 02 Nov 2026 10:00:00 GMT</pubDate><itunes:duration>1:02:03</itunes:duration>
<description><![CDATA[<p>Text</p> </item>]]></description></item>
<item><title>Two</title><enclosure url="https://a.example/2.mp3"/><itunes:duration>62</itunes:duration></item></channel></rss>`;
const STORAGE = [
  '<?xml version="1.0"?><ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><NextKeyMarker>a</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker><IsTruncated>true</IsTruncated><Upload><Key>a&amp;b</Key><UploadId>1</UploadId><Initiated>2026-11-02T10:00:00Z</Initiated></Upload></ListMultipartUploadsResult>',
  "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>a</Key><UploadId>u-1</UploadId></InitiateMultipartUploadResult>",
  "<Error><Code>SignatureDoesNotMatch</Code><Message>why &lt;not&gt;</Message><Region>eu-west-1</Region></Error>",
].map((text) => Buffer.from(text));
const PLAYLISTS = [
  `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:17
#EXT-X-MAP:URI="init.mp4",BYTERANGE="700@0"
#EXT-X-KEY:METHOD=AES-128,URI="key?a=1,2",IV=0x0123456789abcdef0123456789abcdef
#EXTINF:1.5,title
#EXT-X-BYTERANGE:1000@700
all.mp4
#EXT-X-DISCONTINUITY
#EXTINF:2,
#EXT-X-BYTERANGE:1000
all.mp4
#EXT-X-PROGRAM-DATE-TIME:2026-11-02T10:00:00Z
#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-02T10:00:00Z",X-ASSET-URI="b"
#EXTINF:2,
3.m4s
#EXT-X-ENDLIST
`,
  `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="x",DEFAULT=YES,URI="audio.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=64x36,CODECS="avc1.42c01f,mp4a.40.2",AUDIO="a"
video.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="identity"
`,
].map((text) => Buffer.from(text));
const MESSAGES = [
  "ERROR: [youtube] abc: Private video. Sign in if you've been granted access. Use --cookies-from-browser",
  "HTTP Error 403: Forbidden. The account of this user has been terminated. No video could be found in this post",
  "Ep. 12: Ångström & Co. — S2E3 | The live event has ended",
].map((text) => Buffer.from(text));

const SMALL = { seconds: 1, width: 64, height: 36, fps: 10 } as const;

/** @param paths files that must not be opened, put into playlists and manifests */
export async function malformedMedia(
  paths: readonly string[],
): Promise<(seed: number, index: number) => MalformedInput> {
  const [mp4, fragments, mp3, hls, mpd, srt, ass] = await Promise.all([
    media("mp4", SMALL),
    media("video-fragments", SMALL),
    media("audio-mp3", SMALL),
    media("hls-ts", SMALL),
    media("dash", SMALL),
    media("srt"),
    media("ass"),
  ]);
  const segments = (await readdir(dirname(hls))).filter((name) => name.endsWith(".ts"));
  const read = (files: readonly string[]) => Promise.all(files.map((file) => readFile(file)));
  const places = ["file://", "", "concat:", "subfile,,start,0,end,0,,:", "data:,", "crypto:file://"].flatMap(
    (scheme) => paths.map((path) => scheme + path),
  );
  const markup = [
    "<",
    ">",
    "&",
    "<!--",
    "<![CDATA[",
    "]]>",
    "<a ",
    "</",
    "&#x110000;",
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "&b;",
    ...places,
  ];
  const boxes = [
    "moov",
    "moof",
    "trak",
    "stbl",
    "stsz",
    "stsc",
    "stco",
    "co64",
    "elst",
    "trun",
    "mdat",
    "dref",
    "url ",
    "\0\0\0\x08free",
    "\xff\xff\xff\xff",
    ...places,
  ];
  const tags = [
    "\n",
    "\r",
    '"',
    ",",
    "=",
    "\\",
    '#EXT-X-KEY:METHOD=AES-128,URI="',
    "#EXT-X-MAP:URI=",
    "#EXTINF:",
    "#EXT-X-ENDLIST",
    "#EXT-X-BYTERANGE:",
    "#EXT-X-STREAM-INF:",
    ",URI=",
    ...places.map((place) => `\n${place}\n`),
    ...places.map((place) => `,URI="${place}"`),
  ];
  const cues = [
    "\r",
    "\n",
    "\n\n",
    " --> ",
    "00:00:01.000 --> 00:00:02.000",
    "\u0000",
    "<",
    ",",
    ":",
    "Dialogue: 0,",
    "{\\",
    "[Events]",
    ...places,
  ];
  const kinds: Readonly<Record<string, Kind>> = {
    mp4: {
      originals: await read([mp4, fragments]),
      words: boxes,
      parsers: ["iso", "isoHead"],
      extension: ".mp4",
    },
    fragments: { originals: await read([fragments]), words: boxes, parsers: ["iso"], extension: ".m4a" },
    mp3: {
      originals: await read([mp3]),
      words: ["ID3", "Xing", "Info", "\0\0\0\x0f", "\xff\xfb\x90\x64", "\x7f\x7f\x7f\x7f"],
      ...{ parsers: ["mp3"] as const, extension: ".mp3" },
    },
    ts: {
      originals: await read(segments.map((name) => join(dirname(hls), name))),
      words: [
        "\x47",
        "\0\0\x01",
        "\0\0\x01\x67",
        "\0\0\x01\x68",
        "\0\0\x01\x65",
        "\xff\xf1",
        "\x47\x40\0\x10",
      ],
      ...{ parsers: ["transport", "segment"] as const, extension: ".ts" },
    },
    hls: {
      originals: [...PLAYLISTS, await readFile(hls)],
      words: tags,
      parsers: ["playlist", "window", "live"],
      extension: ".m3u8",
    },
    mpd: {
      originals: await read([mpd]),
      words: [...markup, "<BaseURL>", "<Period>", "$Number%099d$", 'r="-1"'],
      parsers: ["xml", "manifest"],
      extension: ".mpd",
    },
    vtt: { originals: [Buffer.from(VTT)], words: cues, parsers: ["vtt", "pieces"], extension: ".vtt" },
    ttml: {
      originals: [Buffer.from(TTML)],
      words: [...markup, "<p>", "<p begin='1s' end='2s'>", "</p>", "<br/>"],
      parsers: ["ttml"],
      extension: ".ttml",
    },
    srt: { originals: await read([srt]), words: cues, parsers: ["vtt"], extension: ".srt" },
    ass: { originals: await read([ass]), words: cues, parsers: ["vtt"], extension: ".ass" },
    feed: {
      originals: [Buffer.from(FEED)],
      words: [...markup, "<item>", "</item>", "<title>", "<enclosure url="],
      parsers: ["feed"],
      extension: ".xml",
    },
    storage: {
      originals: STORAGE,
      words: [...markup, "<UploadId ", "<Upload>", "<Code>", "<Error>"],
      parsers: ["xml"],
      extension: ".xml",
    },
    words: {
      originals: MESSAGES,
      words: ["account ", "cookies ", "live ", " ", "\n", "1 - ", "Use --cookies", "\u00e9"],
      parsers: ["message", "title", "url", "head", "lines"],
      extension: ".txt",
    },
  };
  const names = Object.keys(kinds);
  return (seed, index) => {
    const kind = names[index % names.length] ?? "";
    const found = kinds[kind];
    if (!found) throw new Error(`no kind ${kind}`);
    const { extension, originals, parsers, words } = found;
    return { kind, extension, parsers, bytes: mutated(randomOf(seed, index), originals, words) };
  };
}
