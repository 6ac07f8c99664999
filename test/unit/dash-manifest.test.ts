import { describe, expect, it } from "vitest";
import { parseManifest } from "../../processor/dash/manifest.ts";

const BASE = "https://a.example/video/index.mpd";
const read = (inside: string, attributes = 'mediaPresentationDuration="PT12S"') =>
  parseManifest(`<?xml version="1.0"?><MPD ${attributes}>${inside}</MPD>`, BASE);
const segmentsOf = (inside: string, attributes?: string) =>
  read(inside, attributes).periods.flatMap(({ representations }) =>
    representations.flatMap(({ segments }) => segments()),
  );
const set = (inside: string) =>
  `<Period><AdaptationSet mimeType="video/mp4"><Representation id="v1" bandwidth="9">${inside}</Representation></AdaptationSet></Period>`;

describe("a DASH manifest names segments", () => {
  it.each([
    ["by numbers of a length", '<SegmentTemplate duration="4" media="$Number$"/>', ["1 4", "2 4", "3 4"]],
    [
      "of which the last is shorter",
      '<SegmentTemplate duration="5" media="$Number$"/>',
      ["1 5", "2 5", "3 2"],
    ],
    [
      "by times that repeat",
      '<SegmentTemplate timescale="10" media="$Time$"><SegmentTimeline><S t="5" d="40" r="1"/><S d="20"/></SegmentTimeline></SegmentTemplate>',
      ["5 4", "45 4", "85 2"],
    ],
    [
      "by times that repeat up to the end",
      '<SegmentTemplate timescale="10" media="$Time$"><SegmentTimeline><S t="100" d="40" r="-1"/></SegmentTimeline></SegmentTemplate>',
      ["100 4", "140 4", "180 4"],
    ],
    [
      "by times that repeat up to the next one",
      '<SegmentTemplate media="$Time$"><SegmentTimeline><S t="0" d="3" r="-1"/><S t="6" d="6"/></SegmentTimeline></SegmentTemplate>',
      ["0 3", "3 3", "6 6"],
    ],
    [
      "with names that are filled up",
      '<SegmentTemplate duration="6" startNumber="9" media="$RepresentationID$-$Bandwidth$-$Number%03d$-$$"/>',
      ["v1-9-009-$ 6", "v1-9-010-$ 6"],
    ],
    [
      "in a list",
      '<SegmentList duration="6"><SegmentURL media="a"/><SegmentURL media="b"/></SegmentList>',
      ["a 6", "b 6"],
    ],
    ["in one file", "<BaseURL>all.mp4</BaseURL><SegmentBase indexRange='0-9'/>", ["all.mp4 12"]],
  ])("%s", (_case, inside, expected) => {
    const found = segmentsOf(set(inside)).map(({ duration, url }) => `${url.split("/").at(-1)} ${duration}`);
    expect(found).toEqual(expected);
  });

  it("at several addresses, each level with its own ones", () => {
    const bases = "<BaseURL>https://b.example/</BaseURL><BaseURL>https://c.example/</BaseURL>";
    const list = '<BaseURL>v/</BaseURL><SegmentList duration="12"><SegmentURL media="a"/></SegmentList>';
    expect(segmentsOf(bases + set(list))).toEqual([
      { url: "https://b.example/v/a", alternatives: ["https://c.example/v/a"], duration: 12 },
    ]);
  });

  it("as parts of files, after their initialisation", () => {
    const inside =
      '<BaseURL>f.mp4</BaseURL><SegmentList duration="6"><Initialization range="0-9"/>' +
      '<SegmentURL mediaRange="10-19"/><SegmentURL mediaRange="20-29"/></SegmentList>';
    expect(segmentsOf(set(inside))).toEqual([
      { url: "https://a.example/video/f.mp4", span: { start: 0, end: 10 }, duration: null },
      { url: "https://a.example/video/f.mp4", span: { start: 10, end: 20 }, duration: 6 },
      { url: "https://a.example/video/f.mp4", span: { start: 20, end: 30 }, duration: 6 },
    ]);
  });

  it("below base URLs of every level, with inherited templates", () => {
    const inside =
      '<BaseURL>//b.example/x/</BaseURL><Period start="PT2S"><BaseURL>y/</BaseURL>' +
      '<AdaptationSet contentType="audio" lang="de"><SegmentTemplate timescale="2" duration="8" initialization="i" media="$Number$"/>' +
      '<Representation id="a"><BaseURL>z/</BaseURL></Representation></AdaptationSet></Period><Period start="PT6S"/>';
    const { periods } = read(inside);
    expect(periods[0]).toMatchObject({
      duration: 4,
      representations: [{ contentType: "audio", language: "de" }],
    });
    expect(periods[0]?.representations[0]?.segments().map(({ url }) => url)).toEqual([
      "https://b.example/x/y/z/i",
      "https://b.example/x/y/z/1",
    ]);
  });

  it.each([
    [
      "more than anybody has",
      '<SegmentTemplate timescale="1000000" duration="1" media="$Number$"/>',
      "network",
    ],
    [
      "of no length",
      '<SegmentTemplate media="a"><SegmentTimeline><S d="0" r="9"/></SegmentTimeline></SegmentTemplate>',
      "network",
    ],
    [
      "in files of this machine",
      '<SegmentTemplate duration="6" media="file:///etc/passwd"/>',
      "egress_blocked",
    ],
    [
      "in a range that is none",
      '<SegmentList duration="6"><SegmentURL mediaRange="b-a"/></SegmentList>',
      "network",
    ],
  ])("or is refused: %s", (_case, inside, code) => {
    expect(() => segmentsOf(set(inside))).toThrow(expect.objectContaining({ code }));
  });

  it("or is not a manifest", () => {
    expect(() => parseManifest("<html></html>", BASE)).toThrow(expect.objectContaining({ code: "network" }));
    const endless = set(
      '<SegmentTemplate media="a"><SegmentTimeline><S d="4" r="-1"/></SegmentTimeline></SegmentTemplate>',
    );
    expect(() => segmentsOf(endless, "")).toThrow(expect.objectContaining({ code: "network" }));
  });
});
