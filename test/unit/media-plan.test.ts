import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JobRequest } from "../../schema/api/job-request.ts";
import {
  AUDIO_CHOICES,
  CONTAINERS,
  containerOf,
  FORMATS,
  type Format,
  isAudioFormat,
  VIDEO_CHOICES,
} from "../../schema/containers.ts";
import {
  AUDIO_BITRATES,
  fitStreams,
  MediaPlan,
  type MediaRequest,
  parseTimestamp,
  plan,
  QUALITY_PRESETS,
  RESOLUTIONS,
} from "../../schema/media.ts";

const request: fc.Arbitrary<MediaRequest> = fc.record(
  {
    format: fc.oneof(fc.constantFrom(...FORMATS), fc.string()),
    audio_only: fc.boolean(),
    video_codec: fc.constantFrom(...VIDEO_CHOICES),
    audio_codec: fc.constantFrom(...AUDIO_CHOICES),
    audio_bitrate: fc.constantFrom(...AUDIO_BITRATES),
    video_quality: fc.integer({ min: 0, max: 51 }),
    quality_preset: fc.constantFrom(...(Object.keys(QUALITY_PRESETS) as (keyof typeof QUALITY_PRESETS)[])),
    max_resolution: fc.constantFrom(null, ...RESOLUTIONS),
    clip_start: fc.nat(1000),
  },
  { requiredKeys: [] },
);

describe("a plan", () => {
  it("uses defaults where nothing is requested", () => {
    expect(plan({})).toEqual({
      plan: {
        format: "mp4",
        audio_only: false,
        video_codec: "copy",
        audio_codec: "copy",
        audio_bitrate: null,
        crf: null,
        max_resolution: null,
        min_resolution: null,
        resolution: null,
        max_fps: null,
        audio_language: "original",
        clip: null,
      },
      adjustments: [],
    });
    expect(plan({ audio_only: true })).toMatchObject({
      plan: { format: "m4a", audio_only: true },
      adjustments: [],
    });
  });

  const VIDEO_CORRECTIONS: [Format, string, string][] = [
    ["mov", "vp9", "h264"],
    ["webm", "h264", "vp9"],
    ["webm", "h265", "vp9"],
  ];
  it.each(VIDEO_CORRECTIONS)("in %s turns %s into %s and reports it", (format, from, to) => {
    const planned = plan({ format, video_codec: from as "h264" });
    expect(planned.plan.video_codec).toBe(to);
    expect(planned.adjustments).toEqual([
      {
        field: "video_codec",
        from,
        to,
        reason: expect.stringMatching(new RegExp(`^${format} holds .+ or .+`)),
      },
    ]);
  });

  const AUDIO_CORRECTIONS: [Format, string, string][] = [
    ["mov", "opus", "aac"],
    ["webm", "aac", "opus"],
    ["webm", "mp3", "opus"],
    ["m4a", "opus", "aac"],
    ["m4a", "mp3", "aac"],
    ["mp3", "aac", "mp3"],
    ["mp3", "opus", "mp3"],
    ["ogg", "aac", "opus"],
    ["ogg", "mp3", "opus"],
    ["opus", "aac", "opus"],
    ["opus", "mp3", "opus"],
  ];
  it.each(AUDIO_CORRECTIONS)("in %s turns %s into %s and reports it", (format, from, to) => {
    const planned = plan({ format, audio_codec: from as "aac" });
    expect(planned.plan.audio_codec).toBe(to);
    expect(planned.adjustments).toMatchObject([{ field: "audio_codec", from, to }]);
  });

  it("corrects nothing else: every other pair of container and codec stays", () => {
    const corrected = new Set(
      [...VIDEO_CORRECTIONS, ...AUDIO_CORRECTIONS].map(([format, from]) => `${format} ${from}`),
    );
    for (const format of FORMATS) {
      for (const codec of isAudioFormat(format) ? [] : VIDEO_CHOICES) {
        const { adjustments } = plan({ format, video_codec: codec });
        expect([format, codec, adjustments.length]).toEqual([
          format,
          codec,
          corrected.has(`${format} ${codec}`) ? 1 : 0,
        ]);
      }
      for (const codec of AUDIO_CHOICES) {
        const { adjustments } = plan({ format, audio_codec: codec });
        expect([format, codec, adjustments.length]).toEqual([
          format,
          codec,
          corrected.has(`${format} ${codec}`) ? 1 : 0,
        ]);
      }
    }
  });

  it("replaces an unknown format with the default and cuts what it quotes", () => {
    const [adjustment] = plan({ format: "x".repeat(100) }).adjustments;
    expect(adjustment).toMatchObject({ field: "format", from: "x".repeat(64), to: "mp4" });
    expect(plan({ format: "avi", audio_only: true }).plan.format).toBe("m4a");
    expect(plan({ format: "MKV" })).toMatchObject({ plan: { format: "mkv" }, adjustments: [] });
  });

  it("makes audio formats and audio_only agree, and reports what was changed", () => {
    expect(plan({ format: "mp3" })).toMatchObject({ plan: { audio_only: true }, adjustments: [] });
    expect(plan({ format: "mp3", audio_only: false }).adjustments).toMatchObject([
      { field: "audio_only", to: true },
    ]);
    expect(plan({ format: "webm", audio_only: true })).toMatchObject({
      plan: { format: "opus" },
      adjustments: [{ field: "format", from: "webm", to: "opus" }],
    });
    expect(plan({ format: "mp4", audio_only: true }).plan.format).toBe("m4a");
  });

  it("uses aac for a bitrate without a codec, and prefers a preset to a number", () => {
    expect(plan({ audio_bitrate: "128k" }).plan).toMatchObject({ audio_codec: "aac", audio_bitrate: "128k" });
    expect(plan({ format: "webm", audio_bitrate: "128k" }).plan.audio_codec).toBe("opus");
    expect(plan({ video_quality: 40, quality_preset: "high" }).plan.crf).toBe(20);
    expect(plan({ video_quality: 40 }).plan.crf).toBe(40);
  });

  it("keeps clips as requested", () => {
    expect(plan({ clip_end: 5 }).plan.clip).toEqual({ start: 0, end: 5 });
    expect(plan({ clip_start: 5 }).plan.clip).toEqual({ start: 5, end: null });
  });

  it("is valid, fits its container and is stable when planned again, whatever is requested", () => {
    fc.assert(
      fc.property(request, (asked) => {
        const { plan: made } = plan(asked);
        expect(MediaPlan.parse(made)).toEqual(made);
        const { video, audio } = containerOf(made.format);
        if (made.video_codec !== "copy")
          expect(video === "any" || video.includes(made.video_codec)).toBe(true);
        if (made.audio_codec !== "copy")
          expect(audio === "any" || audio.includes(made.audio_codec)).toBe(true);
        expect(made.audio_only).toBe(isAudioFormat(made.format));
        const again = plan({
          ...asked,
          format: made.format,
          audio_only: made.audio_only,
          video_codec: made.video_codec,
          audio_codec: made.audio_codec,
        });
        expect(again.adjustments).toEqual([]);
      }),
    );
  });
});

describe("streams of a source", () => {
  const fitted = (asked: MediaRequest, video: string | null, audio: string | null) =>
    fitStreams(plan(asked).plan, { video, audio });

  it("are copied where they fit", () => {
    expect(fitted({}, "h264", "aac")).toEqual({ video: "copy", audio: "copy", adjustments: [] });
    expect(fitted({ format: "mkv" }, "theora", "dts")).toEqual({
      video: "copy",
      audio: "copy",
      adjustments: [],
    });
  });

  it("are transcoded one by one where they do not, and that is reported", () => {
    expect(fitted({ format: "webm" }, "h264", "opus")).toMatchObject({
      video: "vp9",
      audio: "copy",
      adjustments: [{ field: "video_codec", from: "h264", to: "vp9" }],
    });
    expect(fitted({}, "h264", "vorbis")).toMatchObject({
      video: "copy",
      audio: "aac",
      adjustments: [{ from: "vorbis" }],
    });
  });

  it("that have the requested codec are transcoded only for a requested quality", () => {
    expect(fitted({ video_codec: "h264" }, "h264", "aac").video).toBe("copy");
    expect(fitted({ video_codec: "h264", video_quality: 30 }, "h264", "aac").video).toBe("h264");
    expect(fitted({ audio_codec: "aac" }, "h264", "aac").audio).toBe("copy");
    expect(fitted({ audio_bitrate: "64k" }, "h264", "aac").audio).toBe("aac");
  });

  it("that do not exist are left out, and video is left out of audio formats", () => {
    expect(fitted({}, null, "aac")).toMatchObject({ video: "none", audio: "copy" });
    expect(fitted({}, "h264", null)).toMatchObject({ video: "copy", audio: "none" });
    expect(fitted({ format: "mp3" }, "h264", "aac")).toMatchObject({ video: "none", audio: "mp3" });
  });
});

describe("a timestamp", () => {
  it.each([
    ["90", 90],
    ["1:30", 90],
    ["01:30.5", 90.5],
    ["01:02:03.250", 3723.25],
    [" 00:00:01 ", 1],
    [12.5, 12.5],
    [0, 0],
    ["123:00:00", 442_800],
  ])("%j is %d seconds", (text, seconds) => {
    expect(parseTimestamp(text)).toBe(seconds);
  });

  it.each([
    "",
    "abc",
    "1:99",
    "1:60:00",
    "-1",
    "1:2",
    "1:2:3:4",
    "1e3",
    "0x10",
    "١:٠٠",
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])("%j is not valid", (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });
});

it("every container has a MIME type and a fallback", () => {
  for (const { mime, firstAudio } of Object.values(CONTAINERS)) {
    expect(mime).toMatch(/^(video|audio)\/[a-z0-9-]+$/);
    expect(AUDIO_CHOICES).toContain(firstAudio);
  }
});

describe("a request for a language and a resolution", () => {
  const url = "https://media.example.com/a";
  it.each([
    [{ audio_language: "PT_br" }, { audio_language: "pt-BR" }],
    [{ audio_language: "Original" }, { audio_language: "original" }],
    [{ audio_language: "all" }, { audio_language: "all" }],
    [
      { resolution: "720p", max_fps: 30 },
      { resolution: 720, max_fps: 30 },
    ],
    [
      { min_resolution: 720, max_resolution: 1080 },
      { min_resolution: 720, max_resolution: 1080 },
    ],
  ])("%j is accepted", (sent, read) => {
    expect(JobRequest.parse({ url, ...sent })).toMatchObject(read);
  });

  it.each([
    { audio_language: "not a tag" },
    { audio_language: "a" },
    { min_resolution: 1080, max_resolution: 720 },
    { resolution: 720, max_resolution: 720 },
    { resolution: "best" },
    { max_fps: 0 },
  ])("%j is refused", (sent) => {
    expect(JobRequest.safeParse({ url, ...sent }).success).toBe(false);
  });

  it("for all languages becomes one for the original where a format holds only one", () => {
    expect(plan({ format: "webm", audio_language: "all" })).toMatchObject({
      plan: { audio_language: "original" },
      adjustments: [{ field: "audio_language", from: "all", to: "original" }],
    });
  });
});
