import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchLanguage } from "../../processor/stages/audio/voices.ts";
import { chooseFormats, formatSort } from "../../processor/stages/select.ts";
import type { YtdlpFormat } from "../../processor/tools/ytdlp-info.ts";
import { type MediaRequest, plan } from "../../schema/media.ts";

const choose = (formats: readonly YtdlpFormat[], request: MediaRequest = {}) =>
  chooseFormats(formats, plan(request).plan);
const idsOf = (formats: readonly YtdlpFormat[], request: MediaRequest = {}) =>
  choose(formats, request).formats.map(({ format_id }) => format_id);

const video = (format_id: string, rest: Partial<YtdlpFormat> = {}): YtdlpFormat => ({
  ...{ format_id, url: `https://media.example.com/${format_id}`, vcodec: "avc1.64001f", acodec: "none" },
  ...{ width: 1920, height: 1080, fps: 30, ...rest },
});
const audio = (format_id: string, rest: Partial<YtdlpFormat> = {}): YtdlpFormat => ({
  ...{ format_id, url: `https://media.example.com/${format_id}`, vcodec: "none", acodec: "mp4a.40.2" },
  ...rest,
});

describe("the streams of a plan", () => {
  it("fit the container when nothing needs transcoding", () => {
    const formats = [
      ...[video("vp9", { vcodec: "vp09.00.40.08" }), audio("opus", { acodec: "opus" })],
      ...[video("avc"), audio("aac")],
    ];
    expect(idsOf(formats)).toEqual(["avc", "aac"]);
    expect(idsOf(formats, { format: "webm" })).toEqual(["vp9", "opus"]);
    expect(idsOf(formats, { format: "opus" })).toEqual(["opus"]);
  });

  it("are the best ones when another codec is requested anyway", () => {
    const formats = [
      video("avc"),
      audio("aac"),
      audio("opus", { acodec: "opus" }),
      video("av1", { vcodec: "av01" }),
    ];
    expect(idsOf(formats, { video_codec: "h264", audio_codec: "aac" })).toEqual(["av1", "opus"]);
  });

  it("are whatever there is where there is no choice", () => {
    const unknown: YtdlpFormat = { format_id: "0", url: "https://media.example.com/a.bin" };
    for (const format of ["mp4", "webm", "m4a", "mp3"]) expect(idsOf([unknown], { format })).toEqual(["0"]);
    expect(idsOf([audio("only", { acodec: "opus" })])).toEqual(["only"]);
    expect(idsOf([video("silent")])).toEqual(["silent"]);
    expect(idsOf([{ format_id: "sb0", vcodec: "none", acodec: "none" }])).toEqual([]);
  });

  it("respect the limit on the shorter side, and the one on the frame rate", () => {
    const formats = [
      ...[audio("a"), video("360", { width: 640, height: 360 }), video("720", { width: 720, height: 1280 })],
      ...[video("1080", { fps: 60 }), video("2160", { width: 3840, height: 2160, fps: 60 })],
    ];
    expect(idsOf(formats)).toEqual(["2160", "a"]);
    expect(idsOf(formats, { max_resolution: 1080 })).toEqual(["1080", "a"]);
    expect(idsOf(formats, { max_resolution: 720 })).toEqual(["720", "a"]);
    expect(idsOf(formats, { max_fps: 30 })).toEqual(["720", "a"]);
    expect(idsOf(formats, { max_fps: 30, max_resolution: 360 })).toEqual(["360", "a"]);
    expect(idsOf(formats, { resolution: 360 })).toEqual(["360", "a"]);
    expect(idsOf(formats, { min_resolution: 1440 })).toEqual(["2160", "a"]);
  });

  it("are empty where the required resolution does not exist", () => {
    const formats = [audio("a"), video("scope", { width: 1920, height: 800 })];
    expect(idsOf(formats, { resolution: 1080 })).toEqual(["scope", "a"]);
    expect(idsOf(formats, { resolution: 720 })).toEqual([]);
    expect(idsOf(formats, { min_resolution: 1440 })).toEqual([]);
  });

  it("are sorted by the limits first", () => {
    expect(formatSort(plan({ max_resolution: 720, max_fps: 30 }).plan)).toEqual([
      ...["res:720", "fps:30", "vcodec:h264", "acodec:aac"],
    ]);
    expect(formatSort(plan({ format: "m4a" }).plan)).toEqual(["acodec:aac", "abr", "asr"]);
  });
});

const YOUTUBE = [
  audio("140-drc", { language: "en", language_preference: 10, format_note: "English original, medium, DRC" }),
  audio("251-desc", { language: "en-desc", language_preference: -10, format_note: "English descriptive" }),
  audio("251-en", {
    ...{ language: "en", language_preference: 10, acodec: "opus" },
    format_note: "English (US) original (default), medium",
  }),
  audio("140-de", { language: "de", language_preference: -1, format_note: "German dubbed-auto, medium" }),
  audio("140-pt", { language: "pt-BR", language_preference: -1, format_note: "Portuguese dubbed-auto" }),
  video("137"),
].map((format, source_order) => ({ ...format, source_order }));

describe("the audio language", () => {
  it("is the original, although only the dubs have the codec that fits", () => {
    for (const format of ["mp4", "mp3", "opus", "m4a", "mkv", "webm", "mov"]) {
      expect(idsOf(YOUTUBE, { format }).at(-1)).toBe("251-en");
    }
    expect(choose(YOUTUBE)).toMatchObject({
      language: "en",
      languages: ["en", "de", "pt-BR"],
      adjustments: [],
    });
  });

  it("is the requested one, by its best match", () => {
    expect(idsOf(YOUTUBE, { audio_language: "pt" })).toEqual(["137", "140-pt"]);
    expect(idsOf(YOUTUBE, { audio_language: "de-AT", audio_only: true })).toEqual(["140-de"]);
    expect(choose(YOUTUBE, { audio_language: "pt" }).adjustments).toMatchObject([
      { from: "pt", to: "pt-BR" },
    ]);
  });

  it("is the original where the requested one is missing, which is reported with what there is", () => {
    const choice = choose(YOUTUBE, { audio_language: "fr" });
    expect(choice.formats.at(-1)?.format_id).toBe("251-en");
    expect(choice.adjustments).toEqual([
      {
        ...{ field: "audio_language", from: "fr", to: "en" },
        reason: "The source has no audio in this language; it has en, de, pt-BR",
      },
    ]);
  });

  it("is each of them with all, the original first", () => {
    const { formats, extraAudio } = choose(YOUTUBE, { audio_language: "all" });
    expect(formats.map(({ format_id }) => format_id)).toEqual(["137", "251-en"]);
    expect(extraAudio.map(({ format_id }) => format_id)).toEqual(["140-de", "140-pt"]);
    expect(choose(YOUTUBE, { audio_language: "all", format: "mp3" }).extraAudio).toEqual([]);
  });

  it("is a compressed-range or described version only where a source has nothing else, which is reported", () => {
    const [drc, described] = YOUTUBE;
    expect(choose([drc ?? video("")]).adjustments).toMatchObject([{ field: "audio_language", to: "en" }]);
    expect(choose([described ?? video("")]).adjustments).toMatchObject([
      { field: "audio_language", to: "en" },
    ]);
  });

  it("of a dubbed video is not used: the original comes from a separate stream", () => {
    const muxed = video("dub", { acodec: "mp4a.40.2", language: "de", format_note: "German dubbed" });
    const original = audio("en", { language: "en", acodec: "opus" });
    expect(idsOf([original, muxed])).toEqual(["dub", "en"]);
    const both = video("small", { acodec: "mp4a.40.2", language: "en", width: 640, height: 360 });
    expect(idsOf([both, muxed])).toEqual(["small"]);
  });
});

describe("languages", () => {
  it.each([
    ["pt", ["en", "pt-BR"], "pt-BR"],
    ["pt-BR", ["pt-PT", "pt"], "pt"],
    ["pt-BR", ["pt-PT"], "pt-PT"],
    ["zh-Hant-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"],
    ["EN", ["en-GB", "en"], "en"],
    ["de", ["den", "nl"], null],
  ] as const)("%s among %j is %s", (asked, available, expected) => {
    expect(matchLanguage(asked, available)).toBe(expected);
  });
});

/** One generated source: the description of its formats, and the language of each of them. */
interface Generated {
  readonly formats: readonly YtdlpFormat[];
  readonly original: string | null;
  /** Formats whose audio must not be delivered unless it is requested. */
  readonly foreign: ReadonlySet<string>;
}

const LANGUAGES = ["en", "de", "pt-BR", "ja", "fr-CA"];
const CODECS = ["mp4a.40.2", "opus", "ec-3", "mp3", undefined, null];

/** The ways in which sites and manifests declare which language is the original. */
const MARKS: readonly ((format: YtdlpFormat, isOriginal: boolean) => YtdlpFormat)[] = [
  (format, isOriginal) => ({ ...format, language_preference: isOriginal ? 10 : -1 }),
  (format, isOriginal) => ({ ...format, format_note: isOriginal ? "original (default)" : "dubbed-auto" }),
  (format, isOriginal) => ({ ...format, audio_roles: [isOriginal ? "main" : "dub"] }),
  (format, isOriginal) => ({ ...format, audio_default: isOriginal }),
  // nothing is declared: the first language is the source's own
  (format) => format,
];

const source: fc.Arbitrary<Generated> = fc
  .record({
    languages: fc.shuffledSubarray(LANGUAGES, { minLength: 1 }),
    unnamed: fc.boolean(),
    mark: fc.integer({ min: 0, max: MARKS.length - 1 }),
    codecs: fc.array(fc.constantFrom(...CODECS), { minLength: 3, maxLength: 3 }),
    described: fc.boolean(),
    commentary: fc.boolean(),
    drc: fc.boolean(),
    muxed: fc.boolean(),
    videos: fc.subarray(["avc1.64001f", "vp9", "av01.0.08M.08"]),
    noise: fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
  })
  .map(({ languages, unnamed, mark, codecs, described, commentary, drc, muxed, videos, noise }) => {
    const formats: YtdlpFormat[] = [];
    const foreign = new Set<string>();
    const add = (format: YtdlpFormat, isForeign: boolean) => {
      formats.push({ ...format, source_order: formats.length });
      if (isForeign) foreign.add(format.format_id);
    };
    languages.forEach((tag, place) => {
      const isOriginal = place === 0;
      // a source with one language need not name it
      const language = unnamed && languages.length === 1 ? null : tag;
      const say = (format: YtdlpFormat) => MARKS[mark]?.({ ...format, language }, isOriginal) ?? format;
      codecs.forEach((acodec, index) => {
        add(say(audio(`${tag}-${index}`, { acodec: acodec as string | null })), !isOriginal);
      });
      if (drc) add(say(audio(`${tag}-0-drc`)), true);
      if (muxed)
        add(say(video(`${tag}-muxed`, { acodec: "mp4a.40.2", width: 640, height: 360 })), !isOriginal);
      if (described) {
        const note = { language_preference: -10, format_note: "Audio Description" };
        add({ ...audio(`${tag}-ad`), language: `${tag}-desc`, ...note }, true);
      }
      if (commentary) add({ ...audio(`${tag}-talk`), language: tag, audio_roles: ["commentary"] }, true);
    });
    videos.forEach((vcodec) => {
      add(video(vcodec, { vcodec }), false);
    });
    // whatever the extractor's sorting makes of bitrates and codecs
    const order = formats.map((format, index) => ({ format, key: noise[index % noise.length] ?? 0 }));
    const sorted = order.toSorted((a, b) => a.key - b.key).map(({ format }) => format);
    const original = unnamed && languages.length === 1 ? null : (languages[0] ?? null);
    return { formats: sorted, original, foreign };
  });

const request: fc.Arbitrary<MediaRequest> = fc.record(
  {
    format: fc.constantFrom("mp4", "mkv", "webm", "mov", "m4a", "mp3", "ogg", "opus"),
    audio_codec: fc.constantFrom("copy", "aac", "opus", "mp3"),
    max_resolution: fc.constantFrom(2160, 1080, 480, 360),
    max_fps: fc.constantFrom(24, 30, 60),
    audio_only: fc.boolean(),
  },
  { requiredKeys: [] },
);

const hasAudio = ({ acodec }: YtdlpFormat) => acodec !== "none";
/** The format whose audio is delivered: the last one that has any. */
const spoken = (formats: readonly YtdlpFormat[]) => formats.findLast(hasAudio);

describe("for all kinds of sources", () => {
  it("no language is delivered that was not requested", () => {
    fc.assert(
      fc.property(source, request, ({ formats, original, foreign }, asked) => {
        const choice = choose(formats, asked);
        const heard = spoken(choice.formats);
        expect(heard).toBeDefined();
        expect(foreign).not.toContain(heard?.format_id);
        expect(choice.language).toBe(original);
        expect(choice.adjustments).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it("the requested language is delivered wherever it exists, and never as a description or commentary", () => {
    fc.assert(
      fc.property(
        source,
        request,
        fc.constantFrom(...LANGUAGES, "sv"),
        ({ formats, original }, asked, language) => {
          const choice = choose(formats, { ...asked, audio_language: language });
          const heard = spoken(choice.formats);
          const isThere = choice.languages.includes(language);
          expect(choice.language).toBe(isThere ? language : original);
          expect(heard?.format_id).not.toMatch(/-(?:ad|talk|drc)$/);
          expect(choice.adjustments).toHaveLength(isThere ? 0 : 1);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("all languages are each delivered once, without description or commentary", () => {
    fc.assert(
      fc.property(source, ({ formats, original, foreign }) => {
        const { extraAudio, formats: main, languages } = choose(formats, { audio_language: "all" });
        const tracks = [spoken(main), ...extraAudio].map((format) => format?.language);
        expect(tracks).toHaveLength(new Set(tracks).size);
        expect(tracks[0] ?? null).toBe(original);
        expect(tracks.toSorted()).toEqual(original === null ? [null] : languages.toSorted());
        expect(foreign).not.toContain(spoken(main)?.format_id);
        for (const { format_id } of extraAudio) expect(format_id).not.toMatch(/-(?:ad|talk|drc)$/);
      }),
      { numRuns: 300 },
    );
  });
});
