import { z } from "zod";

/**
 * What containers hold, and the pure rules that turn a request into a plan. Every rule that changes what the
 * caller asked for tells it as an {@link Adjustment}.
 */

export const VIDEO_CODECS = ["h264", "h265", "vp8", "vp9", "av1"] as const;
export const AUDIO_CODECS = ["aac", "opus", "mp3", "vorbis", "flac"] as const;
/** Codec names as the API speaks them. */
export type VideoCodec = (typeof VIDEO_CODECS)[number];
export type AudioCodec = (typeof AUDIO_CODECS)[number];

/** What a caller may ask a stream to become; `copy` keeps the source's own codec. */
export const VIDEO_CHOICES = ["copy", "h264", "h265", "vp9"] as const;
export const AUDIO_CHOICES = ["copy", "aac", "opus", "mp3"] as const;
export type VideoChoice = (typeof VIDEO_CHOICES)[number];
export type AudioChoice = (typeof AUDIO_CHOICES)[number];
/** A codec that streams are transcoded to. */
export type VideoTarget = Exclude<VideoChoice, "copy">;
export type AudioTarget = Exclude<AudioChoice, "copy">;

interface Container {
  readonly mime: string;
  /** Codecs it may hold; `any` for no restriction, an empty list for none. */
  readonly video: readonly VideoCodec[] | "any";
  readonly audio: readonly AudioCodec[] | "any";
  /** What a stream that does not fit is transcoded to; null where the container has no such stream. */
  readonly firstVideo: VideoTarget | null;
  readonly firstAudio: AudioTarget;
  /** ISO base media: the index must stand in front so that players start before the file is whole. */
  readonly indexFirst: boolean;
}

/** One row for each output format. */
export const CONTAINERS = {
  mp4: {
    mime: "video/mp4",
    video: ["h264", "h265", "vp9", "av1"],
    audio: ["aac", "mp3", "opus"],
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: true,
  },
  mov: {
    mime: "video/quicktime",
    video: ["h264", "h265"],
    audio: ["aac", "mp3"],
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: true,
  },
  mkv: {
    mime: "video/x-matroska",
    video: "any",
    audio: "any",
    firstVideo: "h264",
    firstAudio: "aac",
    indexFirst: false,
  },
  webm: {
    mime: "video/webm",
    video: ["vp8", "vp9", "av1"],
    audio: ["opus", "vorbis"],
    firstVideo: "vp9",
    firstAudio: "opus",
    indexFirst: false,
  },
  m4a: {
    mime: "audio/mp4",
    video: [],
    audio: ["aac"],
    firstVideo: null,
    firstAudio: "aac",
    indexFirst: true,
  },
  mp3: {
    mime: "audio/mpeg",
    video: [],
    audio: ["mp3"],
    firstVideo: null,
    firstAudio: "mp3",
    indexFirst: false,
  },
  ogg: {
    mime: "audio/ogg",
    video: [],
    audio: ["opus"],
    firstVideo: null,
    firstAudio: "opus",
    indexFirst: false,
  },
  opus: {
    mime: "audio/ogg",
    video: [],
    audio: ["opus"],
    firstVideo: null,
    firstAudio: "opus",
    indexFirst: false,
  },
} as const satisfies Record<string, Container>;

/** @example "mp4" */
export type Format = keyof typeof CONTAINERS;
export const FORMATS = Object.keys(CONTAINERS) as [Format, ...Format[]];

/** The row of a format, typed as the general shape. */
export const containerOf = (format: Format): Container => CONTAINERS[format];
/** True for formats that hold no video. */
export const isAudioFormat = (format: Format): boolean => containerOf(format).firstVideo === null;

const holds = (list: readonly string[] | "any", codec: string): boolean =>
  list === "any" || list.includes(codec);

export const QUALITY_PRESETS = { highest: 16, high: 20, medium: 23, low: 28, lowest: 34 } as const;
export const AUDIO_BITRATES = ["64k", "128k", "192k", "256k", "320k"] as const;
export const RESOLUTIONS = [2160, 1440, 1080, 720, 480, 360] as const;

/** What a transcoded stream gets where the request names no quality. */
export const DEFAULT_CRF = 23;
export const DEFAULT_AUDIO_BITRATE = "192k" satisfies (typeof AUDIO_BITRATES)[number];

/**
 * One thing that was changed from what the caller asked for, or from what the source has.
 *
 * @example { "field": "video_codec", "from": "h264", "to": "vp9", "reason": "webm holds VP8, VP9 or AV1" }
 */
export const Adjustment = z
  .object({
    field: z.string().describe("The request member that was changed"),
    from: z
      .union([z.string(), z.number(), z.boolean(), z.null()])
      .describe("What was asked for, or what the source has"),
    to: z.union([z.string(), z.number(), z.boolean(), z.null()]).describe("What is done instead"),
    reason: z.string().describe("One sentence for people"),
  })
  .meta({ id: "Adjustment" });
export type Adjustment = z.infer<typeof Adjustment>;

/** What is to be made of the source; the same object travels from the Worker to the processor. */
export const MediaPlan = z
  .object({
    format: z.enum(FORMATS).describe("Container of the delivered file"),
    audio_only: z.boolean(),
    video_codec: z.enum(VIDEO_CHOICES),
    audio_codec: z.enum(AUDIO_CHOICES),
    audio_bitrate: z
      .enum(AUDIO_BITRATES)
      .nullable()
      .describe("Asked bitrate; null copies audio that already has the codec"),
    crf: z
      .int()
      .min(0)
      .max(51)
      .nullable()
      .describe("Asked CRF; null copies video that already has the codec"),
    max_resolution: z
      .union([z.literal(RESOLUTIONS), z.null()])
      .describe("Of the shorter side in pixels; null for the best"),
    clip: z
      .object({ start: z.number().min(0), end: z.number().positive().nullable() })
      .nullable()
      .describe("Seconds; end null runs to the end"),
  })
  .meta({ id: "MediaPlan" });
export type MediaPlan = z.infer<typeof MediaPlan>;

/** The members of a request that decide about the media, after validation. */
export interface MediaRequest {
  readonly format?: string | undefined;
  readonly audio_only?: boolean | undefined;
  readonly video_codec?: VideoChoice | undefined;
  readonly audio_codec?: AudioChoice | undefined;
  readonly audio_bitrate?: MediaPlan["audio_bitrate"] | undefined;
  readonly video_quality?: number | undefined;
  readonly quality_preset?: keyof typeof QUALITY_PRESETS | undefined;
  readonly max_resolution?: MediaPlan["max_resolution"] | undefined;
  readonly clip_start?: number | undefined;
  readonly clip_end?: number | undefined;
}

/**
 * Turns a request into a plan, correcting impossible combinations. Total: it never throws for a validated request.
 *
 * @example
 * plan({ format: "webm", video_codec: "h264" })
 * // { plan: { format: "webm", video_codec: "vp9", … },
 * //   adjustments: [{ field: "video_codec", from: "h264", to: "vp9", reason: "webm holds VP8, VP9 or AV1" }] }
 */
export function plan(request: MediaRequest): { plan: MediaPlan; adjustments: Adjustment[] } {
  const adjustments: Adjustment[] = [];
  const format = chooseFormat(request, adjustments);
  const audioOnly = isAudioFormat(format);
  return {
    plan: {
      format,
      audio_only: audioOnly,
      video_codec: chooseVideo(request, format, adjustments),
      audio_codec: chooseAudio(request, format, adjustments),
      audio_bitrate: request.audio_bitrate ?? null,
      crf: request.quality_preset ? QUALITY_PRESETS[request.quality_preset] : (request.video_quality ?? null),
      max_resolution: request.max_resolution ?? null,
      clip: chooseClip(request),
    },
    adjustments,
  };
}

function chooseFormat(request: MediaRequest, adjustments: Adjustment[]): Format {
  const asked = request.format?.toLowerCase();
  const known = FORMATS.find((format) => format === asked);
  const fallback = request.audio_only ? "m4a" : "mp4";
  if (request.format !== undefined && !known) {
    adjustments.push({
      field: "format",
      from: request.format.slice(0, 64),
      to: fallback,
      reason: `The formats are ${FORMATS.join(", ")}`,
    });
  }
  if (!known) return fallback;
  if (isAudioFormat(known)) {
    if (request.audio_only === false) {
      adjustments.push({ field: "audio_only", from: false, to: true, reason: `${known} holds no video` });
    }
    return known;
  }
  if (!request.audio_only) return known;
  const audioFormat = known === "webm" ? "opus" : "m4a";
  adjustments.push({
    field: "format",
    from: known,
    to: audioFormat,
    reason: "audio_only asks for an audio format",
  });
  return audioFormat;
}

function chooseVideo(request: MediaRequest, format: Format, adjustments: Adjustment[]): VideoChoice {
  const asked = request.video_codec ?? "copy";
  const container = containerOf(format);
  if (asked === "copy" || holds(container.video, asked)) return asked;
  const to = container.firstVideo ?? "copy";
  adjustments.push({ field: "video_codec", from: asked, to, reason: videoReason(format) });
  return to;
}

function chooseAudio(request: MediaRequest, format: Format, adjustments: Adjustment[]): AudioChoice {
  const asked = request.audio_codec ?? (request.audio_bitrate === undefined ? "copy" : "aac");
  const container = containerOf(format);
  if (asked === "copy" || holds(container.audio, asked)) return asked;
  const to = container.firstAudio;
  adjustments.push({ field: "audio_codec", from: asked, to, reason: audioReason(format) });
  return to;
}

function chooseClip(request: MediaRequest): MediaPlan["clip"] {
  if (request.clip_start === undefined && request.clip_end === undefined) return null;
  return { start: request.clip_start ?? 0, end: request.clip_end ?? null };
}

const CODEC_NAMES: Record<VideoCodec | AudioCodec, string> = {
  h264: "H.264",
  h265: "H.265",
  vp8: "VP8",
  vp9: "VP9",
  av1: "AV1",
  aac: "AAC",
  opus: "Opus",
  mp3: "MP3",
  vorbis: "Vorbis",
  flac: "FLAC",
};

function holdsSentence(
  format: Format,
  codecs: readonly (VideoCodec | AudioCodec)[] | "any",
  kind: string,
): string {
  if (codecs === "any" || codecs.length === 0) return `${format} holds no ${kind}`;
  const names = codecs.map((codec) => CODEC_NAMES[codec]);
  const last = names.pop();
  return `${format} holds ${names.length > 0 ? `${names.join(", ")} or ${last}` : last}`;
}

const videoReason = (format: Format): string => holdsSentence(format, containerOf(format).video, "video");
const audioReason = (format: Format): string => holdsSentence(format, containerOf(format).audio, "audio");

/** Codecs of the chosen source streams; null where there is no such stream or the codec has another name. */
export interface SourceCodecs {
  readonly video: string | null;
  readonly audio: string | null;
}

/** What happens to each stream once the source is known. */
export interface StreamActions {
  readonly video: VideoChoice | "none";
  readonly audio: AudioChoice | "none";
  readonly adjustments: Adjustment[];
}

/**
 * Decides stream by stream between copying and transcoding: a stream is transcoded only if it was asked to
 * become another codec (or the same one at a given quality), or if it does not fit the container; the latter is told.
 *
 * @example
 * fitStreams(plan({ format: "webm" }).plan, { video: "h264", audio: "opus" })
 * // { video: "vp9", audio: "copy", adjustments: [{ field: "video_codec", from: "h264", to: "vp9", … }] }
 */
export function fitStreams(mediaPlan: MediaPlan, source: SourceCodecs): StreamActions {
  const container = containerOf(mediaPlan.format);
  const adjustments: Adjustment[] = [];
  let video: StreamActions["video"] = "none";
  if (source.video !== null && container.firstVideo !== null) {
    video = mediaPlan.video_codec;
    if (video === source.video && mediaPlan.crf === null) video = "copy";
    if (video === "copy" && !holds(container.video, source.video)) {
      video = container.firstVideo;
      adjustments.push({
        field: "video_codec",
        from: source.video,
        to: video,
        reason: videoReason(mediaPlan.format),
      });
    }
  }
  let audio: StreamActions["audio"] = "none";
  if (source.audio !== null) {
    audio = mediaPlan.audio_codec;
    if (audio === source.audio && mediaPlan.audio_bitrate === null) audio = "copy";
    if (audio === "copy" && !holds(container.audio, source.audio)) {
      audio = container.firstAudio;
      adjustments.push({
        field: "audio_codec",
        from: source.audio,
        to: audio,
        reason: audioReason(mediaPlan.format),
      });
    }
  }
  return { video, audio, adjustments };
}

/**
 * Reads a time stamp: `HH:MM:SS(.mmm)`, `MM:SS(.mmm)` or seconds. Null when it is none of these.
 *
 * @example parseTimestamp("01:02:03.5") // 3723.5
 */
export function parseTimestamp(value: string | number): number | null {
  if (typeof value === "number") return Number.isFinite(value) && value >= 0 ? value : null;
  const text = value.trim();
  if (/^\d{1,9}(\.\d{1,6})?$/.test(text)) return Number(text);
  const match = /^(?:(\d{1,3}):)?(\d{1,2}):(\d{2}(?:\.\d{1,3})?)$/.exec(text);
  if (!match) return null;
  const [hours, minutes, seconds] = [Number(match[1] ?? 0), Number(match[2]), Number(match[3])];
  if (seconds >= 60 || (match[1] !== undefined && minutes >= 60)) return null;
  return hours * 3600 + minutes * 60 + seconds;
}
