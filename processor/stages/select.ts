import { containerOf } from "../../schema/containers.ts";
import { type Adjustment, type MediaPlan, reachesResolution, resolutionOf } from "../../schema/media.ts";
import type { YtdlpFormat } from "../tools/ytdlp-info.ts";
import { chooseVoice, languagesOf, type VoiceChoice, type Voiced, voiceOf } from "./audio/voices.ts";

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

/** Maximum number of tracks in one file with `audio_language: all`. */
export const MAX_AUDIO_TRACKS = 32;
/** Sources round: 59.94 is called 60. */
const FPS_SLACK = 0.5;

/** Which formats of a source to use, and what there was to choose from. */
export interface FormatChoice {
  /** One, or video and audio. Empty if nothing fits. */
  readonly formats: readonly YtdlpFormat[];
  /** The audio of further languages, if all were requested. */
  readonly extraAudio: readonly YtdlpFormat[];
  /** Language of the first audio track; null if the source does not name it. */
  readonly language: string | null;
  /** Languages in the source's formats, the original first. */
  readonly languages: readonly string[];
  readonly adjustments: readonly Adjustment[];
}

/**
 * How the extractor sorts a source's formats for a plan, most important first. It knows its sites and protocols; {@link
 * chooseFormats} decides which of the sorted formats are used.
 */
export function formatSort(plan: MediaPlan): string[] {
  const { firstVideo, firstAudio } = containerOf(plan.format);
  const audio = plan.audio_codec === "copy" ? firstAudio : plan.audio_codec;
  if (plan.audio_only) return [...codecPreference("acodec", audio), "abr", "asr"];
  const video = plan.video_codec === "copy" ? firstVideo : plan.video_codec;
  const limit = plan.resolution ?? plan.max_resolution ?? null;
  return [
    limit === null ? "res" : `res:${limit}`,
    plan.max_fps ? `fps:${plan.max_fps}` : "fps",
    ...codecPreference("vcodec", video),
    ...codecPreference("acodec", audio),
  ];
}

/**
 * Which formats of a source to use for a plan. The language comes first: only audio in the requested language, or
 * otherwise in the original one, is considered, whatever its codec and bitrate. Then the limits on the video, then
 * streams that fit the container, so that nothing is transcoded needlessly, then the extractor's own order.
 *
 * @param sorted the source's formats, worst first
 */
export function chooseFormats(sorted: readonly YtdlpFormat[], plan: MediaPlan): FormatChoice {
  const best = sorted.filter(isMedia).toReversed();
  const candidates = voiced(best.filter(hasAudio));
  const voice = chooseVoice(candidates, plan.audio_language ?? "original");
  const languages = languagesOf(candidates);
  const main = plan.audio_only
    ? chooseAudio(best, plan, voice)
    : (chooseVideo(best, plan, voice) ?? chooseAudio(best, plan, voice));
  const choice = { language: voice?.language ?? null, languages };
  const others =
    plan.audio_language === "all" && main.length > 0 ? otherVoices(candidates, plan, main, choice) : [];
  return {
    formats: main,
    extraAudio: others,
    ...choice,
    adjustments: main.length === 0 ? [] : voiceAdjustments(plan, voice, choice, others),
  };
}

/** Storyboards and the like are not media; a format that states no codecs may be. */
const isMedia = (format: YtdlpFormat): boolean => hasVideo(format) || hasAudio(format);
const hasVideo = ({ vcodec }: YtdlpFormat): boolean => vcodec !== "none";
const hasAudio = ({ acodec }: YtdlpFormat): boolean => acodec !== "none";

/** In the source's own order. */
const voiced = (formats: readonly YtdlpFormat[]): Voiced<YtdlpFormat>[] =>
  formats
    .map((item) => ({ item, voice: voiceOf(item) }))
    .toSorted((a, b) => orderOf(a.item) - orderOf(b.item));

const orderOf = ({ source_order: order }: YtdlpFormat): number => (typeof order === "number" ? order : 0);

type Fits = (format: YtdlpFormat) => boolean;
const anything: Fits = () => true;

/** Audio alone before audio with video; of each, first what need not be transcoded. */
function chooseAudio(
  best: readonly YtdlpFormat[],
  plan: MediaPlan,
  voice: VoiceChoice<YtdlpFormat> | null,
): YtdlpFormat[] {
  const pool = best.filter((format) => voice?.items.includes(format));
  const fits = audioFits(plan);
  const alone: Fits = (format) => !hasVideo(format);
  const found =
    pool.find((format) => alone(format) && fits(format)) ?? pool.find(alone) ?? pool.find(fits) ?? pool[0];
  return found ? [found] : [];
}

/** Null if the source has no video that meets the plan's requirements. */
function chooseVideo(
  best: readonly YtdlpFormat[],
  plan: MediaPlan,
  voice: VoiceChoice<YtdlpFormat> | null,
): YtdlpFormat[] | null {
  const videos = best.filter(hasVideo);
  if (videos.length === 0) return null;
  const demanded = videos.filter((format) => meetsDemands(format, plan));
  if (demanded.length === 0) return [];
  const [sized, slow] = [sizeFits(plan), fpsFits(plan)];
  for (const within of [(f: YtdlpFormat) => sized(f) && slow(f), sized, slow, anything]) {
    const pair = pairWithin(demanded.filter(within), best, plan, voice);
    if (pair) return pair;
  }
  return [];
}

function pairWithin(
  videos: readonly YtdlpFormat[],
  best: readonly YtdlpFormat[],
  plan: MediaPlan,
  voice: VoiceChoice<YtdlpFormat> | null,
): YtdlpFormat[] | null {
  if (voice === null) return videos[0] ? [videos.find(videoFits(plan)) ?? videos[0]] : null;
  const spoken = new Set(voice.items);
  const tracks = best.filter((format) => spoken.has(format) && !hasVideo(format));
  const pair = (fitsVideo: Fits, fitsAudio: Fits): YtdlpFormat[] | null => {
    const track = tracks.find(fitsAudio);
    for (const video of videos) {
      if (!fitsVideo(video)) continue;
      // the audio of a format with both is used as it is, if it has the right language
      if (spoken.has(video)) {
        if (fitsAudio(video)) return [video];
      } else if (track) return [video, track];
    }
    return null;
  };
  const [video, audio] = [videoFits(plan), audioFits(plan)];
  return pair(video, audio) ?? pair(video, anything) ?? pair(anything, audio) ?? pair(anything, anything);
}

/** A track for each other language that the source has in a separate format. */
function otherVoices(
  candidates: readonly Voiced<YtdlpFormat>[],
  plan: MediaPlan,
  main: readonly YtdlpFormat[],
  { language, languages }: Pick<FormatChoice, "language" | "languages">,
): YtdlpFormat[] {
  const alone = candidates.filter(({ item }) => !hasVideo(item) && !main.includes(item));
  const fits = audioFits(plan);
  return languages
    .filter((other) => other !== language)
    .slice(0, MAX_AUDIO_TRACKS - 1)
    .flatMap((other) => {
      const own = alone.filter(({ voice }) => voice.language === other && voice.kind !== "alternate");
      const found = chooseVoice(own, "original");
      // bitrates distinguish the copies of one track; the higher one is the better one
      const tracks = (found?.items ?? []).toSorted((a, b) => bitrateOf(b) - bitrateOf(a));
      return tracks.find(fits) ?? tracks[0] ?? [];
    });
}

const bitrateOf = ({ abr, tbr }: YtdlpFormat): number => abr ?? tbr ?? 0;

function voiceAdjustments(
  plan: MediaPlan,
  voice: VoiceChoice<YtdlpFormat> | null,
  { language, languages }: Pick<FormatChoice, "language" | "languages">,
  others: readonly YtdlpFormat[],
): Adjustment[] {
  const asked = plan.audio_language ?? "original";
  const field = "audio_language";
  if (voice === null) {
    return asked === "original" ? [] : [{ field, from: asked, to: null, reason: "The source has no audio" }];
  }
  const reported: Adjustment[] = [];
  if (!voice.isAsked) reported.push(missingLanguage(asked, language, languages));
  else if (asked !== "original" && asked !== "all" && language !== null && language !== asked) {
    reported.push({
      field,
      from: asked,
      to: language,
      reason: "The closest that the source has to this language",
    });
  }
  const delivered = new Set([language, ...others.map((format) => voiceOf(format).language)]);
  const missing = languages.filter((other) => !delivered.has(other));
  if (asked === "all" && missing.length > 0) {
    const reason = `The source does not offer ${missing.join(", ")} apart from its video`;
    reported.push({ field, from: "all", to: [...delivered].join(", ") || "original", reason });
  }
  if (voice.lastResort === "alternate") {
    const reason = "The source has only audio with a description or a commentary";
    reported.push({ field, from: asked, to: language, reason });
  }
  if (voice.lastResort === "compressed") {
    const reason = "The source has this voice only with a compressed dynamic range";
    reported.push({ field, from: asked, to: language, reason });
  }
  return reported;
}

/** A language that a source does not have, and what is delivered instead. */
export const missingLanguage = (
  asked: string,
  delivered: string | null,
  languages: readonly string[],
): Adjustment => ({
  field: "audio_language",
  from: asked,
  to: delivered ?? "original",
  reason:
    languages.length === 0
      ? "The source does not name the languages of its audio; its original is delivered"
      : `The source has no audio in this language; it has ${languages.join(", ")}`,
});

/**
 * What a caller requires. Unknown sizes pass: the result is checked against the same requirement before it is
 * published.
 */
function meetsDemands({ height, width }: YtdlpFormat, plan: MediaPlan): boolean {
  if (!width || !height) return true;
  if (plan.resolution && resolutionOf(width, height) !== plan.resolution) return false;
  return !plan.min_resolution || reachesResolution(width, height, plan.min_resolution);
}

/** The limit applies to the shorter side, which is the height of a landscape video and the width of a vertical one. */
function sizeFits({ max_resolution: max, min_resolution: min, resolution }: MediaPlan): Fits {
  if (!max && !min && !resolution) return anything;
  return ({ height, width }) => Boolean(width && height && (!max || Math.min(width, height) <= max));
}

const fpsFits = ({ max_fps: max }: MediaPlan): Fits =>
  max ? ({ fps }) => !fps || fps <= max + FPS_SLACK : anything;

/** Only if nothing is to be converted to another codec: then a stream that fits need not be transcoded. */
const videoFits = (plan: MediaPlan): Fits =>
  plan.video_codec === "copy" ? codecFits("vcodec", containerOf(plan.format).video) : anything;
const audioFits = (plan: MediaPlan): Fits =>
  plan.audio_codec === "copy" ? codecFits("acodec", containerOf(plan.format).audio) : anything;

/** Unknown codecs pass: direct links report none, and the probe of the bytes decides. */
function codecFits(field: "vcodec" | "acodec", codecs: readonly string[] | "any"): Fits {
  if (codecs === "any" || codecs.length === 0) return anything;
  // regexp-ok: a list of fixed prefixes of codec names
  const pattern = new RegExp(`^(${codecs.map((codec) => CODEC_PATTERNS[codec]).join("|")})`, "i");
  return ({ [field]: codec }) => !codec || pattern.test(codec);
}

const codecPreference = (field: string, codec: string | null): string[] =>
  codec === null ? [] : [`${field}:${codec}`];
