import { describe, expect, it } from "vitest";
import { clipFacts, extentOf } from "../../processor/stages/clip.ts";
import { chooseSubtitles } from "../../processor/stages/extras/subtitles.ts";
import { thumbnailUrls } from "../../processor/stages/extras/thumbnail.ts";
import { decodeText, joinVtt, sectionOfVtt, ttmlToVtt } from "../../processor/stages/extras/vtt.ts";
import { chaptersWithin, metadataText } from "../../processor/stages/file-metadata.ts";
import { plan } from "../../schema/media.ts";

describe("chooseSubtitles", () => {
  const track = (ext: string) => ({ ext, url: `https://media.example/s.${ext}` });
  const info = {
    id: "x",
    subtitles: { "en-US": [track("srt"), track("vtt")], pt: [track("vtt")], ja: [track("json3")] },
    automatic_captions: { en: [track("vtt")], "pt-BR": [track("vtt")], ja: [track("srv3"), track("ttml")] },
  };

  it.each([
    ["en", "en-US", false],
    ["EN-us", "en-US", false],
    ["pt-BR", "pt", false],
    ["ja", "ja", true],
  ])("prefers, for %s, the authors' own to automatic ones", (language, tag, automatic) => {
    expect(chooseSubtitles(info, language)).toMatchObject({ language, tag, automatic });
  });

  it("prefers the format that needs no conversion, and never replaces a language by another", () => {
    expect(chooseSubtitles(info, "en")?.tracks.map(({ ext }) => ext)).toEqual(["vtt", "srt"]);
    expect(chooseSubtitles(info, "e")).toBeNull();
    expect(chooseSubtitles({ id: "x" }, "en")).toBeNull();
  });
});

describe("subtitle texts", () => {
  it("are read in the encodings that sources use", () => {
    expect(decodeText(Buffer.from("Grüße", "utf8"))).toBe("Grüße");
    expect(decodeText(Buffer.from("Grüße", "latin1"))).toBe("Grüße");
    expect(decodeText(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("Grüße", "utf16le")]))).toBe(
      "Grüße",
    );
  });

  it("keep what a section shows, relative to its start", () => {
    const vtt = [
      "WEBVTT\n\nNOTE kept\n",
      "1\n00:01.000 --> 00:02.000\nbefore\n",
      "2\n00:04.000 --> 00:06.000 line:90%\nacross the start\n",
      "01:00:08.000 --> 01:00:09.000\nafter\n",
    ].join("\n");
    expect(sectionOfVtt(vtt, 5, 10)).toBe(
      "WEBVTT\n\nNOTE kept\n\n2\n00:00:00.000 --> 00:00:01.000 line:90%\nacross the start\n",
    );
  });

  it("are joined from pieces without repeating anything", () => {
    const piece = (...cues: string[]) =>
      ["WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000", ...cues].join("\n\n");
    const [a, b] = ["00:01.000 --> 00:02.000\na", "00:02.000 --> 00:03.000\nb"];
    expect(joinVtt([{ text: piece(a) }, { text: piece(a, b) }])).toBe(`WEBVTT\n\n${a}\n\n${b}\n`);
  });

  describe("segments with the timestamps of the media", () => {
    const piece = (map: string, time: string, text: string) =>
      `WEBVTT\nX-TIMESTAMP-MAP=${map}\n\n00:00:0${time} --> 00:00:09.000\n${text}\n`;
    const timesOf = (vtt: string) => vtt.match(/\d\d:\d\d:\d\d\.\d{3}(?= -->)/g);
    const cues = (start: number, step: number, local = "00:00:00.000") =>
      [0, 1, 2].map((index) => ({
        text: piece(`MPEGTS:${(start + index * step) * 90_000},LOCAL:${local}`, "0.500", `${index}`),
        start: index * 2,
      }));

    it.each([
      ["each from its own beginning", cues(1.4, 2), 1.4, ["00:00:00.500", "00:00:02.500", "00:00:04.500"]],
      [
        "and the media's start is unknown",
        cues(10, 2),
        null,
        ["00:00:00.500", "00:00:02.500", "00:00:04.500"],
      ],
      ["later than the media begins", cues(10, 2), 9, ["00:00:01.500", "00:00:03.500", "00:00:05.500"]],
      [
        "from a local time of their own",
        cues(10, 2, "00:00:01.000"),
        10,
        ["00:00:00.000", "00:00:01.500", "00:00:03.500"],
      ],
      [
        "over the end of the clock",
        cues(2 ** 33 / 90_000 - 2, 2),
        2 ** 33 / 90_000 - 2,
        ["00:00:00.500", "00:00:02.500", "00:00:04.500"],
      ],
    ])("are moved to where they are shown: %s", (_case, pieces, mediaStart, expected) => {
      const wrapped = pieces.map(({ text, start }) => ({
        text: text.replace(/MPEGTS:([\d.]+)/, (_, units) => `MPEGTS:${Math.round(Number(units)) % 2 ** 33}`),
        start,
      }));
      expect(timesOf(joinVtt(wrapped, mediaStart))).toEqual(expected);
    });

    it("are aligned part by part", () => {
      const pieces = [
        { text: piece("MPEGTS:900000,LOCAL:00:00:00.000", "0.500", "a"), start: 0, part: 0 },
        { text: piece("MPEGTS:0,LOCAL:00:00:00.000", "0.500", "b"), start: 4, part: 1 },
      ];
      expect(timesOf(joinVtt(pieces, 10))).toEqual(["00:00:00.500", "00:00:04.500"]);
    });
  });

  it.each([
    ['begin="00:00:01.500" end="00:00:02:15"', "00:00:01.500 --> 00:00:02.500"],
    ['begin="1.5s" dur="1s"', "00:00:01.500 --> 00:00:02.500"],
    ['begin="15000000t" end="25000000t"', "00:00:01.500 --> 00:00:02.500"],
  ])("are converted from TTML with %s", (times, line) => {
    const ttml = `<tt ttp:tickRate="10000000" ttp:frameRate="30"><p ${times}>a &#38; b &lt;<br/>c</p></tt>`;
    expect(ttmlToVtt(ttml)).toBe(`WEBVTT\n\n${line}\na &amp; b &lt;\nc\n`);
  });

  it("are empty where TTML has no cues", () => {
    expect(ttmlToVtt("<tt><body/></tt>")).toBeNull();
  });
});

describe("thumbnailUrls", () => {
  it("names the source's choice first, then the best of the others", () => {
    const thumbnails = ["a", "b", "c"].map((name) => ({ url: `https://media.example/${name}.jpg` }));
    const info = { id: "x", thumbnail: thumbnails[2]?.url ?? "", thumbnails };
    expect(thumbnailUrls({ info })).toEqual(thumbnails.map(({ url }) => url).reverse());
    expect(thumbnailUrls({ info: { id: "x", thumbnail: "file:///etc/passwd" } })).toEqual([]);
  });
});

describe("the text of the metadata", () => {
  it("lets no title inject another tag", () => {
    const text = metadataText({ title: "a\nartist=b;c#d\\", artist: null }, [
      { start: 0, end: 1.5, title: "x=y" },
    ]);
    expect(text).toBe(
      ";FFMETADATA1\ntitle=a\\\nartist\\=b\\;c\\#d\\\\\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=x\\=y\n",
    );
  });

  it("has the chapters of the section, relative to its start", () => {
    const chapters = [0, 10, 20].map((start) => ({ start, end: start + 10, title: `${start}` }));
    expect(chaptersWithin(chapters, { start: 5, end: 15 })).toEqual([
      { start: 0, end: 5, title: "0" },
      { start: 5, end: 10, title: "10" },
    ]);
  });
});

describe("a clip", () => {
  const clip = (start: number, end?: number, format = "mp4") =>
    plan({ format, clip_start: start, ...(end === undefined ? {} : { clip_end: end }) }).plan;

  it("is checked against the source's duration", () => {
    expect(extentOf(clip(10), 60)).toEqual({ section: { start: 10, end: 60 }, seconds: 50, adjustments: [] });
    expect(extentOf(clip(10), null)).toEqual({
      section: { start: 10, end: null },
      seconds: null,
      adjustments: [],
    });
    expect(extentOf(clip(10, 20), null).seconds).toBe(10);
    expect(extentOf(clip(10, 60.3), 60)).toMatchObject({ seconds: 50, adjustments: [] });
    expect(extentOf(clip(10, 90), 60).adjustments).toMatchObject([{ field: "clip_end", from: 90, to: 60 }]);
    expect(() => extentOf(clip(60), 60)).toThrow(expect.objectContaining({ code: "clip_out_of_range" }));
  });

  it("reports where it begins for its viewer", () => {
    const lead = { firstPacket: -1.5, duration: 11.5004 };
    expect(clipFacts(clip(10, 20), lead)).toEqual({ facts: { start: 10, duration: 11.5 }, adjustments: [] });
    expect(clipFacts(clip(10, 20, "mkv"), lead)).toMatchObject({
      facts: { start: 8.5 },
      adjustments: [{ field: "clip_start", from: 10, to: 8.5 }],
    });
    expect(clipFacts(plan({}).plan, lead)).toEqual({ facts: null, adjustments: [] });
  });
});
