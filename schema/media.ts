import { z } from "zod";
import {
  AUDIO_CHOICES,
  type AudioChoice,
  audioRoom,
  FORMATS,
  type Format,
  isAudioFormat,
  type Room,
  VIDEO_CHOICES,
  type VideoChoice,
  videoRoom,
} from "./containers.ts";

/**
 * The pure rules that turn a request into a plan. Every rule that changes a request reports the change as an
 * {@link Adjustment}.
 */

export const QUALITY_PRESETS = { highest: 16, high: 20, medium: 23, low: 28, lowest: 34 } as const;
export const AUDIO_BITRATES = ["64k", "128k", "192k", "256k", "320k"] as const;
export const RESOLUTIONS = [2160, 1440, 1080, 720, 480, 360] as const;
/** Highest frame rate that `max_fps` may name. */
export const MAX_FPS = 240;
/** Formats that can hold the audio of every language, one track each. */
export const MULTI_LANGUAGE_FORMATS = ["mp4", "mkv", "mov"] as const satisfies readonly Format[];

/**
 * The resolution that a video is called by: its shorter side or, if it is wider than 16:9, the resolution that belongs
 * to its longer side.
 *
 * @example resolutionOf(1920, 800) // 1080
 */
export function resolutionOf(width: number, height: number): number {
  return Math.max(Math.min(width, height), Math.round((Math.max(width, height) * 9) / 16));
}

/** @example reachesResolution(1280, 720, 1080) // false */
export const reachesResolution = (width: number, height: number, least: number): boolean =>
  resolutionOf(width, height) >= least;

/** Quality of a transcoded stream if the request names none. */
export const DEFAULT_CRF = 23;
export const DEFAULT_AUDIO_BITRATE = "192k" satisfies (typeof AUDIO_BITRATES)[number];

/**
 * One deviation from what the caller asked for, or from what the source has.
 *
 * @example { "field": "video_codec", "from": "h264", "to": "vp9", "reason": "webm holds VP8, VP9 or AV1" }
 */
export const Adjustment = z
  .object({
    field: z.string().describe("The request field that was changed"),
    from: z
      .union([z.string(), z.number(), z.boolean(), z.null()])
      .describe("What was asked for, or what the source has"),
    to: z.union([z.string(), z.number(), z.boolean(), z.null()]).describe("What is done instead"),
    reason: z.string().describe("One sentence for people"),
  })
  .meta({ id: "Adjustment" });
export type Adjustment = z.infer<typeof Adjustment>;

/** What a job makes from the source; the same object goes from the Worker to the processor. */
export const MediaPlan = z
  .object({
    format: z.enum(FORMATS).describe("Container of the delivered file"),
    audio_only: z.boolean(),
    video_codec: z.enum(VIDEO_CHOICES),
    audio_codec: z.enum(AUDIO_CHOICES),
    audio_bitrate: z
      .enum(AUDIO_BITRATES)
      .nullable()
      .describe("Requested bitrate; null copies audio that already has the codec"),
    crf: z
      .int()
      .min(0)
      .max(51)
      .nullable()
      .describe("Requested CRF; null copies video that already has the codec"),
    max_resolution: z
      .union([z.literal(RESOLUTIONS), z.null()])
      .describe("Limit for the shorter side in pixels; null for the best"),
    min_resolution: z
      .union([z.literal(RESOLUTIONS), z.null()])
      .default(null)
      .describe(
        "Lowest acceptable resolution; null for any. If the source has less, the job ends with `no_format`",
      ),
    resolution: z
      .union([z.literal(RESOLUTIONS), z.null()])
      .default(null)
      .describe(
        "Exactly this resolution; null for any. If the source does not have it, the job ends with `no_format`",
      ),
    max_fps: z.int().min(1).max(MAX_FPS).nullable().default(null).describe("Null for no limit"),
    audio_language: z
      .string()
      .default("original")
      .describe("`original`, `all`, or a BCP 47 tag")
      .meta({ example: "original" }),
    clip: z
      .object({ start: z.number().min(0), end: z.number().positive().nullable() })
      .nullable()
      .describe("In seconds; an end of null is the end of the media"),
  })
  .meta({ id: "MediaPlan" });
export type MediaPlan = z.infer<typeof MediaPlan>;

/** The validated request fields that affect the media. */
export interface MediaRequest {
  readonly format?: string | undefined;
  readonly audio_only?: boolean | undefined;
  readonly video_codec?: VideoChoice | undefined;
  readonly audio_codec?: AudioChoice | undefined;
  readonly audio_bitrate?: MediaPlan["audio_bitrate"] | undefined;
  readonly video_quality?: number | undefined;
  readonly quality_preset?: keyof typeof QUALITY_PRESETS | undefined;
  readonly max_resolution?: MediaPlan["max_resolution"] | undefined;
  readonly min_resolution?: MediaPlan["min_resolution"] | undefined;
  readonly resolution?: MediaPlan["resolution"] | undefined;
  readonly max_fps?: number | undefined;
  readonly audio_language?: string | undefined;
  readonly clip_start?: number | undefined;
  readonly clip_end?: number | undefined;
}

/**
 * Turns a request into a plan, correcting impossible combinations. It never throws for a validated request.
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
      video_codec: chooseCodec(request.video_codec ?? "copy", videoRoom(format), adjustments),
      audio_codec: chooseCodec(askedAudio(request), audioRoom(format), adjustments),
      audio_bitrate: request.audio_bitrate ?? null,
      crf: request.quality_preset ? QUALITY_PRESETS[request.quality_preset] : (request.video_quality ?? null),
      max_resolution: request.max_resolution ?? null,
      min_resolution: request.min_resolution ?? null,
      resolution: request.resolution ?? null,
      max_fps: request.max_fps ?? null,
      audio_language: chooseLanguage(request, format, adjustments),
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

/** A bitrate without a codec means AAC, because a copied stream keeps its bitrate. */
const askedAudio = ({ audio_codec, audio_bitrate }: MediaRequest): AudioChoice =>
  audio_codec ?? (audio_bitrate === undefined ? "copy" : "aac");

/** A codec that the format cannot hold is replaced by the format's first one. */
function chooseCodec<T extends string>(
  asked: T | "copy",
  room: Room<T>,
  adjustments: Adjustment[],
): T | "copy" {
  if (asked === "copy" || room.holds(asked)) return asked;
  return preferFirst(asked, room, adjustments);
}

function preferFirst<T extends string>(from: string, room: Room<T>, adjustments: Adjustment[]): T | "copy" {
  const to = room.first ?? "copy";
  adjustments.push({ field: room.field, from, to, reason: room.sentence });
  return to;
}

function chooseLanguage(
  { audio_language: asked = "original" }: MediaRequest,
  format: Format,
  adjustments: Adjustment[],
): string {
  if (asked !== "all" || MULTI_LANGUAGE_FORMATS.some((known) => known === format)) return asked;
  const reason = `${format} is delivered with one language; ${MULTI_LANGUAGE_FORMATS.join(", ")} take all`;
  adjustments.push({ field: "audio_language", from: "all", to: "original", reason });
  return "original";
}

function chooseClip(request: MediaRequest): MediaPlan["clip"] {
  if (request.clip_start === undefined && request.clip_end === undefined) return null;
  return { start: request.clip_start ?? 0, end: request.clip_end ?? null };
}

/** Codecs of the chosen source streams; null if there is no such stream or its codec is not in the table. */
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
 * Decides stream by stream between copying and transcoding: a stream is transcoded only if the request
 * asks for another codec (or the same one at a given quality), or if it does not fit the container, which is reported.
 *
 * @example
 * fitStreams(plan({ format: "webm" }).plan, { video: "h264", audio: "opus" })
 * // { video: "vp9", audio: "copy", adjustments: [{ field: "video_codec", from: "h264", to: "vp9", … }] }
 */
export function fitStreams(mediaPlan: MediaPlan, source: SourceCodecs): StreamActions {
  const { format, video_codec, audio_codec, crf, audio_bitrate } = mediaPlan;
  const adjustments: Adjustment[] = [];
  const video = { native: source.video, asked: video_codec, hasQuality: crf !== null };
  const audio = { native: source.audio, asked: audio_codec, hasQuality: audio_bitrate !== null };
  return {
    video: fitStream(video, videoRoom(format), adjustments),
    audio: fitStream(audio, audioRoom(format), adjustments),
    adjustments,
  };
}

export type AudioAction = StreamActions["audio"];

interface StreamRequest<T> {
  /** Codec of the source's stream; null for none. */
  readonly native: string | null;
  readonly asked: T | "copy";
  /** The request asks for a quality, which a copy would not have. */
  readonly hasQuality: boolean;
}

function fitStream<T extends string>(
  { native, asked, hasQuality }: StreamRequest<T>,
  room: Room<T>,
  adjustments: Adjustment[],
): T | "copy" | "none" {
  if (native === null || room.first === null) return "none";
  if (asked !== "copy" && (asked !== native || hasQuality)) return asked;
  return room.holds(native) ? "copy" : preferFirst(native, room, adjustments);
}

/**
 * Reads a timestamp: `HH:MM:SS(.mmm)`, `MM:SS(.mmm)` or seconds. Null for anything else.
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
