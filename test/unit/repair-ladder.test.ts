import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Fault, ServiceFault, SourceFault } from "../../processor/fault.ts";
import { keepStreams } from "../../processor/stages/carried/keep.ts";
import { damagedSeconds, missingSeconds } from "../../processor/stages/damage.ts";
import { checkShare, DamageCount } from "../../processor/stages/repair/decode-check.ts";
import {
  failedStreams,
  nextRung,
  type Rung,
  shownRight,
  transcodeInstead,
} from "../../processor/stages/repair/ladder.ts";
import { carriedOf } from "../../processor/tools/carried.ts";
import { audioRoom, FORMATS, videoRoom } from "../../schema/containers.ts";
import { plan, type StreamActions } from "../../schema/media.ts";

const copies: StreamActions = { video: "copy", audio: "copy", adjustments: [] };
const encodes: StreamActions = { video: "vp9", audio: "opus", adjustments: [] };

describe("the repair ladder", () => {
  const rungs = (actions: StreamActions, fault: Fault): (Rung | null)[] => {
    const taken: (Rung | null)[] = ["strict"];
    for (let rung: Rung | null = "strict"; rung !== null; ) {
      rung = nextRung(rung, fault, actions);
      taken.push(rung);
    }
    return taken;
  };

  it("repairs before it transcodes, and transcodes only what was copied", () => {
    expect(rungs(copies, new SourceFault("truncated"))).toEqual(["strict", "tolerant", "transcode", null]);
    expect(rungs(encodes, new SourceFault("truncated"))).toEqual(["strict", "tolerant", null]);
  });

  it("is for failures of the media only", () => {
    for (const fault of [new SourceFault("network"), new ServiceFault("limit_exceeded")]) {
      expect(rungs(copies, fault)).toEqual(["strict", null]);
    }
  });

  it.each([
    ["Error applying bitstream filters to an output packet for stream #0:1: Invalid data", false, true],
    ["Error initializing output stream 0:0", true, false],
    ["stream #0:0 … stream #0:2", true, true],
    ["Conversion failed!", true, true],
  ])("transcodes the stream that failed: %s", (detail, video, audio) => {
    expect(failedStreams(detail, copies)).toEqual({ video, audio });
  });

  it("treats the only stream of audio as audio", () => {
    const which = failedStreams("for stream #0:0", { ...copies, video: "none" });
    expect(which).toEqual({ video: false, audio: true });
  });

  it("keeps the codec where it can be encoded and held, and always picks one that the container holds", () => {
    const codecs = {
      video: fc.constantFrom("h264", "h265", "vp9", "av1", "mpeg4"),
      audio: fc.constantFrom("aac", "ac3", "opus"),
    };
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), fc.record(codecs), (format, native) => {
        const done = transcodeInstead({ format }, copies, native, { video: true, audio: true });
        if (done.video !== "copy") expect(videoRoom(format).holds(done.video)).toBe(true);
        if (done.audio !== "copy") expect(audioRoom(format).holds(done.audio)).toBe(true);
        if (format === "mkv" && native.video === "h265") expect(done.video).toBe("h265");
      }),
    );
  });

  it("transcodes at once where a copy would be shown wrongly", () => {
    const native = { video: "h264", audio: "aac" };
    const shown = (format: string, input: { isTurned?: boolean; lacksDisplayOrder?: boolean }) =>
      shownRight(plan({ format }).plan, copies, native, input);
    expect(shown("mp4", { isTurned: true })).toEqual(copies);
    expect(shown("mkv", { isTurned: true })).toMatchObject({ video: "h264", audio: "copy" });
    expect(shown("mp4", { lacksDisplayOrder: true }).adjustments).toHaveLength(1);
  });
});

describe("damage", () => {
  it("is counted by packets and frames, including repeated messages, and nothing else", () => {
    const count = new DamageCount();
    const lines = [
      ...["[mov] stream 0, timescale not set", "x.ts: corrupt input packet in stream 0"],
      ...[
        "    Last message repeated 3 times",
        "[h264 @ 0x1] concealing 20 DC, 20 AC, 20 MV errors in P frame",
      ],
      ...["[mp4] Non-monotonous DTS", "    Last message repeated 9 times"],
    ];
    for (const line of lines) count.onLine(line);
    expect(count.count).toBe(5);
  });

  it("is a quarter of the file at most", () => {
    expect(() => checkShare(1, 1, 12)).not.toThrow();
    expect(() => checkShare(2, 2, 12)).toThrow(SourceFault);
  });

  it("is reported in seconds, and never as zero", () => {
    expect(damagedSeconds(0.001, "Repaired").reason).toBe("About 0.1 s of the source are damaged. Repaired");
    expect(missingSeconds("source", { missing: 2.04, delivered: 10 }, "they are gone")).toEqual({
      ...{ field: "source", from: 12, to: 10, reason: "2 s are missing: they are gone" },
    });
  });
});

describe("what a file carries", () => {
  const subtitle = fc.record({
    codec_type: fc.constant("subtitle"),
    codec_name: fc.constantFrom(
      "subrip",
      "ass",
      "mov_text",
      "webvtt",
      "hdmv_pgs_subtitle",
      "dvb_teletext",
      "odd",
    ),
    tags: fc.record({ language: fc.constantFrom("eng", "deu", "") }),
  });

  it("is kept or reported, whatever the container", () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), fc.array(subtitle, { maxLength: 5 }), (format, found) => {
        const streams = found.map((stream, index) => ({ ...stream, index }));
        const carried = carriedOf({ format: { format_name: "matroska,webm" }, streams });
        const { adjustments, kept } = keepStreams(plan({ format }).plan, carried, 0);
        const isReported = plan({ format }).plan.audio_only ? 0 : adjustments.length;
        const total = plan({ format }).plan.audio_only ? 0 : streams.length;
        expect(kept.subtitles.length + isReported).toBe(total);
      }),
    );
  });

  it("is no second film: covers, chapter images and a broadcaster's own data", () => {
    const { cover, others } = carriedOf({
      format: { format_name: "mov" },
      streams: [
        { index: 0, codec_type: "video", codec_name: "mjpeg", disposition: { attached_pic: 1 } },
        { index: 1, codec_type: "video", codec_name: "h264" },
        { index: 2, codec_type: "data", codec_name: "bin_data" },
        { index: 3, codec_type: "data", codec_tag_string: "gpmd" },
        { index: 4, codec_type: "video", codec_name: "h265" },
      ],
    });
    expect(cover).toBe(0);
    expect(others).toEqual(["video (h265)", "timed data (gpmd)"]);
  });

  it("has its own tags, and not those of the tool that wrote it", () => {
    const tags = {
      ARTIST: "The hosts",
      encoder: "Lavf",
      major_brand: "isom",
      "a=b": "x",
      id3v2_priv: "x",
      odd: 7,
    };
    const { chapters, tags: kept } = carriedOf({
      format: { format_name: "mp3", tags },
      streams: [],
      chapters: [
        { start_time: "0", end_time: "1.5", tags: { title: "Intro" } },
        { start_time: "2", end_time: "2" },
        { start_time: "odd" },
      ],
    });
    expect(kept).toEqual({ artist: "The hosts" });
    expect(chapters).toEqual([{ start: 0, end: 1.5, title: "Intro" }]);
  });
});
