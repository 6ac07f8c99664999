import { containerOf } from "../../schema/containers.ts";
import type { MediaPlan } from "../../schema/media.ts";

/** Patterns by which the extractor's codec strings are recognised, for each codec that a container may hold. */
const CODEC_PATTERNS: Record<string, string> = {
  h264: "avc|h264",
  h265: "hev|hvc|h265",
  vp8: "vp0?8",
  vp9: "vp0?9",
  av1: "av0?1",
  aac: "mp4a|aac",
  mp3: "mp3|mp4a\\.(69|6b|34)",
  opus: "opus",
  vorbis: "vorbis",
  flac: "flac",
};

export interface Selection {
  /** The extractor's format expression. */
  readonly format: string;
  /** Sort order, most important first. */
  readonly sort: readonly string[];
}

/**
 * Which streams of a source to take for a plan. The resolution limit counts the shorter side and comes first: the best
 * stream at or under it, and the smallest one only if none is. With `copy`, streams that fit the container come next,
 * so that nothing is transcoded without need; a source without any falls through to its best stream.
 *
 * @example selectFormats(plan({ format: "webm" }).plan).format
 */
export function selectFormats(plan: MediaPlan): Selection {
  const { video, audio, firstVideo, firstAudio } = containerOf(plan.format);
  const fitsVideo = plan.video_codec === "copy" ? codecFilter("vcodec", video) : "";
  const fitsAudio = plan.audio_codec === "copy" ? codecFilter("acodec", audio) : "";
  const wantedAudio = plan.audio_codec === "copy" ? firstAudio : plan.audio_codec;
  if (plan.audio_only) {
    return {
      format: unique([`ba${fitsAudio}`, "ba", `b${fitsAudio}`, "b*"]).join("/"),
      sort: [...codecPreference("acodec", wantedAudio), "abr", "asr"],
    };
  }
  const pairs = [
    ["bv*", fitsVideo, `+ba${fitsAudio}`],
    ["b", `${fitsVideo}${fitsAudio}`, ""],
    ["bv*", fitsVideo, "+ba"],
    ["bv*", "", `+ba${fitsAudio}`],
    ["bv*", "", "+ba"],
    ["b", "", ""],
    ["bv*", "", ""],
  ] as const;
  const within = (limit: string) => pairs.map(([kind, fits, sound]) => `${kind}${fits}${limit}${sound}`);
  const wantedVideo = plan.video_codec === "copy" ? firstVideo : plan.video_codec;
  return {
    format: unique([...sizeFilters(plan.max_resolution).flatMap(within), ...within(""), "ba"]).join("/"),
    sort: [
      plan.max_resolution === null ? "res" : `res:${plan.max_resolution}`,
      "fps",
      ...codecPreference("vcodec", wantedVideo),
      ...codecPreference("acodec", wantedAudio),
    ],
  };
}

/** The shorter side is the height of a landscape picture and the width of a portrait one. */
function sizeFilters(limit: number | null): string[] {
  return limit === null ? [] : [`[aspect_ratio>=1][height<=${limit}]`, `[aspect_ratio<1][width<=${limit}]`];
}

/** Unknown codecs pass: direct links tell none, and the probe of the bytes decides about them. */
function codecFilter(field: "vcodec" | "acodec", codecs: readonly string[] | "any"): string {
  if (codecs === "any" || codecs.length === 0) return "";
  return `[${field}~=?'^(${codecs.map((codec) => CODEC_PATTERNS[codec]).join("|")})']`;
}

const codecPreference = (field: string, codec: string | null): string[] =>
  codec === null ? [] : [`${field}:${codec}`];

const unique = (items: readonly string[]): string[] => [...new Set(items)];
