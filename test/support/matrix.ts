import type { MediaRequest } from "../../schema/media.ts";
import type { MediaKind, MediaOptions } from "./media.ts";

/**
 * What may be requested from which source, and what the result is: one table, read by the matrix test and by the page
 * of formats. It states the contract independently and does not use the code under test.
 */

interface ContainerRule {
  /** As ffprobe and the file's own header name it. */
  readonly probed: string;
  /** Null: no video at all. */
  readonly video: { readonly holds: readonly string[] | "any"; readonly otherwise: string } | null;
  readonly audio: { readonly holds: readonly string[] | "any"; readonly otherwise: string };
  /** What lets a player start or seek before the file is complete, and therefore comes first. */
  readonly inFront: "index" | "cues" | null;
  readonly cover: boolean;
}

export const CONTAINER_RULES = {
  mp4: {
    probed: "mp4",
    video: { holds: ["h264", "h265", "vp9", "av1"], otherwise: "h264" },
    audio: { holds: ["aac", "mp3", "opus"], otherwise: "aac" },
    inFront: "index",
    cover: false,
  },
  mov: {
    probed: "mov",
    video: { holds: ["h264", "h265"], otherwise: "h264" },
    audio: { holds: ["aac", "mp3"], otherwise: "aac" },
    inFront: "index",
    cover: false,
  },
  mkv: {
    probed: "matroska",
    video: { holds: "any", otherwise: "h264" },
    audio: { holds: "any", otherwise: "aac" },
    inFront: "cues",
    cover: true,
  },
  webm: {
    probed: "webm",
    video: { holds: ["vp8", "vp9", "av1"], otherwise: "vp9" },
    audio: { holds: ["opus", "vorbis"], otherwise: "opus" },
    inFront: "cues",
    cover: false,
  },
  m4a: {
    probed: "m4a",
    video: null,
    audio: { holds: ["aac"], otherwise: "aac" },
    inFront: "index",
    cover: true,
  },
  mp3: {
    probed: "mp3",
    video: null,
    audio: { holds: ["mp3"], otherwise: "mp3" },
    inFront: null,
    cover: true,
  },
  ogg: {
    probed: "ogg",
    video: null,
    audio: { holds: ["opus"], otherwise: "opus" },
    inFront: null,
    cover: true,
  },
  opus: {
    probed: "ogg",
    video: null,
    audio: { holds: ["opus"], otherwise: "opus" },
    inFront: null,
    cover: true,
  },
} as const satisfies Record<string, ContainerRule>;

export type MatrixFormat = keyof typeof CONTAINER_RULES;
export const MATRIX_FORMATS = Object.keys(CONTAINER_RULES) as MatrixFormat[];
export const ruleOf = (format: MatrixFormat): ContainerRule => CONTAINER_RULES[format];

interface SourceRow {
  /** In a person's words. */
  readonly name: string;
  readonly kind: MediaKind;
  /** Under the origin; a folder is entered through its playlist or manifest. */
  readonly path: string;
  readonly video: string | null;
  readonly audio: string | null;
}

export const SOURCE_OPTIONS: MediaOptions = { seconds: 2, width: 192, height: 108, fps: 10 };

export const MATRIX_SOURCES: readonly SourceRow[] = [
  { name: "MP4", kind: "mp4", path: "front.mp4", video: "h264", audio: "aac" },
  { name: "MP4, index at the end", kind: "mp4-index-last", path: "behind.mp4", video: "h264", audio: "aac" },
  { name: "MP4 of AV1", kind: "mp4-av1-opus", path: "av1.mp4", video: "av1", audio: "opus" },
  { name: "WebM", kind: "webm", path: "vp9.webm", video: "vp9", audio: "opus" },
  { name: "WebM of VP8", kind: "webm-vp8-vorbis", path: "vp8.webm", video: "vp8", audio: "vorbis" },
  { name: "Matroska of H.265", kind: "mkv-h265-mp3", path: "h265.mkv", video: "h265", audio: "mp3" },
  { name: "Matroska with FLAC", kind: "mkv-h264-flac", path: "flac.mkv", video: "h264", audio: "flac" },
  { name: "HLS", kind: "hls-ts", path: "hls/index.m3u8", video: "h264", audio: "aac" },
  { name: "HLS of fragments", kind: "hls-fmp4", path: "fmp4/index.m3u8", video: "h264", audio: "aac" },
  { name: "DASH, separate audio", kind: "dash", path: "dash/index.mpd", video: "h264", audio: "aac" },
  { name: "video only", kind: "video-mp4", path: "silent.mp4", video: "h264", audio: null },
  { name: "M4A", kind: "audio-m4a", path: "aac.m4a", video: null, audio: "aac" },
  { name: "MP3", kind: "audio-mp3", path: "mp3.mp3", video: null, audio: "mp3" },
  { name: "Opus", kind: "audio-opus", path: "opus.opus", video: null, audio: "opus" },
  { name: "Ogg Vorbis", kind: "audio-vorbis", path: "vorbis.ogg", video: null, audio: "vorbis" },
  { name: "FLAC", kind: "audio-flac", path: "flac.flac", video: null, audio: "flac" },
];

const VIDEO = ["copy", "h264", "h265", "vp9"] as const;
const AUDIO = ["copy", "aac", "opus", "mp3"] as const;
const QUALITIES: Readonly<Record<string, MediaRequest>> = {
  none: {},
  crf: { video_quality: 35 },
  preset: { quality_preset: "lowest" },
  bitrate: { audio_bitrate: "320k" },
};

export interface MatrixCase {
  readonly format: MatrixFormat;
  readonly video: (typeof VIDEO)[number];
  readonly audio: (typeof AUDIO)[number];
  readonly quality: string;
  readonly source: SourceRow;
}

/**
 * Every way of requesting every source. Redundant cases are left out: video codecs that an audio format does not hold,
 * and qualities of streams that others have covered.
 */
export const allCases = (): MatrixCase[] =>
  MATRIX_FORMATS.flatMap((format) =>
    VIDEO.filter((video) => ruleOf(format).video !== null || video === "copy" || video === "h264").flatMap(
      (video) =>
        AUDIO.flatMap((audio) =>
          Object.keys(QUALITIES).flatMap((quality) =>
            MATRIX_SOURCES.filter((_, index) => quality === "none" || index % 8 === 3).map((source) => ({
              ...{ format, video, audio, quality, source },
            })),
          ),
        ),
    ),
  );

/**
 * What a run tests: a selection in which all pairs meet, every case with `MATRIX=full`, and a share of those with
 * `MATRIX_SHARD`, for example `3/12`. Shares are dealt like cards, so that each takes about as long.
 *
 * @throws RangeError when the share is not `k/n` with k from 1 to n
 */
export function chosenCases(env: Readonly<Record<string, string | undefined>>): MatrixCase[] {
  if (env.MATRIX !== "full") return pairwiseCases();
  const { MATRIX_SHARD: text = "1/1" } = env;
  const [, share, shares] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (!share || !shares || share > shares) throw new RangeError(`MATRIX_SHARD is ${text}, not like 3/12`);
  return allCases().filter((_, index) => index % shares === share - 1);
}

/**
 * A small selection in which every two values of format, codecs and quality meet, and every source meets every family
 * of containers. Every call returns the same one.
 */
export function pairwiseCases(): MatrixCase[] {
  const pending = new Set(allCases().flatMap(goalsOf));
  const chosen: MatrixCase[] = [];
  const shuffled = shuffle(allCases());
  for (let wanted = 8; wanted > 0 && pending.size > 0; wanted--) {
    for (const candidate of shuffled) {
      const met = goalsOf(candidate).filter((goal) => pending.has(goal));
      if (met.length < wanted) continue;
      for (const goal of met) pending.delete(goal);
      chosen.push(candidate);
    }
  }
  return chosen;
}

function goalsOf({ format, video, audio, quality, source }: MatrixCase): string[] {
  const family = ruleOf(format).video === null ? "audio" : (ruleOf(format).inFront ?? "");
  const pairs = [
    [format, video],
    [format, audio],
    [format, quality],
    [video, audio],
    [family, source.name],
  ];
  return pairs.map((pair, index) => [index, ...pair].join(" "));
}

/** Deterministic: a failure must be reproducible. */
function shuffle<T>(items: readonly T[]): T[] {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state;
  };
  return items
    .map((item) => ({ item, order: next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** The request that a case stands for. */
export const requestOf = ({ format, video, audio, quality }: MatrixCase): MediaRequest => ({
  ...{ format, video_codec: video, audio_codec: audio },
  ...QUALITIES[quality],
});

export interface Expected {
  /** Null: the file has no such stream. */
  readonly video: string | null;
  readonly audio: string | null;
  /** Field, from, to. */
  readonly adjustments: readonly (readonly [string, string, string])[];
  /** A stream is encoded. */
  readonly transcodes: boolean;
}

/** The expected result of a case; null when the source has nothing for the format. */
export function expectedOf(wanted: MatrixCase): Expected | null {
  const { format, source, quality } = wanted;
  const rule = ruleOf(format);
  const hasVideo = rule.video !== null && source.video !== null;
  if (!hasVideo && source.audio === null) return null;
  const adjustments: [string, string, string][] = [];
  const stream = (
    field: string,
    asked: string,
    native: string | null,
    { holds, otherwise }: ContainerRule["audio"],
    hasQuality: boolean,
  ) => {
    const fits = (codec: string) => holds === "any" || holds.includes(codec);
    const corrected = asked === "copy" || fits(asked) ? asked : otherwise;
    if (corrected !== asked) adjustments.push([field, asked, corrected]);
    if (native === null) return { codec: null, encoded: false };
    if (corrected !== "copy") return { codec: corrected, encoded: corrected !== native || hasQuality };
    if (fits(native)) return { codec: native, encoded: false };
    adjustments.push([field, native, otherwise]);
    return { codec: otherwise, encoded: true };
  };
  const noVideo = { holds: [], otherwise: "copy" };
  const video = stream(
    "video_codec",
    wanted.video,
    hasVideo ? source.video : null,
    rule.video ?? noVideo,
    quality === "crf" || quality === "preset",
  );
  const audio = stream("audio_codec", wanted.audio, source.audio, rule.audio, quality === "bitrate");
  return {
    video: video.codec,
    audio: audio.codec,
    adjustments,
    transcodes: video.encoded || audio.encoded,
  };
}
