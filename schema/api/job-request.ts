import "../messages.ts";
import { z } from "zod";
import { AUDIO_CHOICES, VIDEO_CHOICES } from "../containers.ts";
import { AUDIO_BITRATES, MAX_FPS, parseTimestamp, QUALITY_PRESETS, RESOLUTIONS } from "../media.ts";
import { cleanFilename } from "../storage/object-key.ts";
import { InlineStorage } from "./storage.ts";

/** Longest URL that is taken, in characters. */
export const MAX_URL_LENGTH = 2048;
/** Longest recording, in seconds. */
export const MAX_RECORDING_SECONDS = 43_200;

/** Longest time that failures of the network, the storage and rate limits are tried again, in hours. */
export const MAX_RETRY_HOURS = 168;

/** A URL of the web; whether its host is public is the Worker's verdict (`schema/address.ts`). */
export const WebUrl = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(MAX_URL_LENGTH, `must be at most ${MAX_URL_LENGTH} characters`)
  .refine(isWebUrl, "must be an http or https URL with a host");

function isWebUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return (protocol === "http:" || protocol === "https:") && hostname !== "";
}

const flag = (what: string) => z.boolean().optional().describe(what);
const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, `must be one of ${values.join(", ")}`);

const Resolution = z
  .union([z.string(), z.number()], "must be best, 2160, 1440, 1080, 720, 480 or 360")
  .transform((value, context) => {
    const asked = String(value).trim().toLowerCase().replace(/p$/, "");
    if (asked === "best") return null;
    const known = RESOLUTIONS.find((resolution) => String(resolution) === asked);
    if (known === undefined) {
      context.addIssue({ code: "custom", message: "must be best, 2160, 1440, 1080, 720, 480 or 360" });
      return z.NEVER;
    }
    return known;
  });

const RESOLUTION_SENTENCE = "must be 2160, 1440, 1080, 720, 480 or 360";

/** One of the resolutions, where `best` would say nothing. */
const DemandedResolution = z
  .union([z.string(), z.number()], RESOLUTION_SENTENCE)
  .transform((value, context) => {
    const asked = String(value).trim().toLowerCase().replace(/p$/, "");
    const known = RESOLUTIONS.find((resolution) => String(resolution) === asked);
    if (known === undefined) {
      context.addIssue({ code: "custom", message: RESOLUTION_SENTENCE });
      return z.NEVER;
    }
    return known;
  });

const Timestamp = z
  .union([z.string(), z.number()], "must be HH:MM:SS, MM:SS or seconds")
  .transform((value, context) => {
    const seconds = parseTimestamp(value);
    if (seconds === null) {
      context.addIssue({ code: "custom", message: "must be HH:MM:SS, MM:SS or seconds" });
      return z.NEVER;
    }
    return seconds;
  });

/** Longest name of a file, in characters. */
export const MAX_FILENAME_LENGTH = 255;

/** A file name that a caller chose, without extension; control characters are removed. */
export const Filename = z
  .string()
  .min(1, "must not be empty")
  .max(MAX_FILENAME_LENGTH, `must be at most ${MAX_FILENAME_LENGTH} characters`)
  .refine((name) => !/[/\\\0]/.test(name) && !name.includes(".."), "must not contain .., / or \\")
  .transform(cleanFilename)
  .refine((name) => name !== "" && name !== ".", "must contain a visible character");

/** A folder that a caller chose; it may have several levels and never leads upwards. */
export const Folder = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(200, "Folder name too long (max 200 characters)")
  .refine((folder) => !folder.includes(".."), "must not contain ..")
  .refine((folder) => !/^[/\\]/.test(folder), "must not begin with / or \\")
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  .refine((folder) => !/[\u0000-\u001f\u007f]/.test(folder), "must not contain control characters");

/** BCP 47, loosely: what sources use as language tags. */
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;
const LanguageTag = z
  .string("must be a language tag")
  .regex(LANGUAGE_TAG, "must be a BCP 47 language tag such as en or pt-BR");

const AUDIO_LANGUAGE_SENTENCE = "must be original, all, or a BCP 47 language tag such as en or pt-BR";

/** Which voice to deliver; a tag becomes its canonical form. */
const AudioLanguage = z.string(AUDIO_LANGUAGE_SENTENCE).transform((value, context) => {
  const asked = value.trim().replaceAll("_", "-");
  const word = asked.toLowerCase();
  if (word === "original" || word === "all") return word;
  try {
    if (!LANGUAGE_TAG.test(asked)) throw new RangeError("not a tag");
    return Intl.getCanonicalLocales(asked)[0] ?? asked;
  } catch {
    context.addIssue({ code: "custom", message: AUDIO_LANGUAGE_SENTENCE });
    return z.NEVER;
  }
});

/** Every member of a job request but `url`; bulk requests share them. */
export const jobOptions = {
  format: z
    .string()
    .optional()
    .describe("mp4, mkv, webm, mov, m4a, mp3, ogg or opus; any other string becomes the default"),
  video_codec: oneOf(VIDEO_CHOICES).optional().describe("Default copy: the source's own stream"),
  audio_codec: oneOf(AUDIO_CHOICES).optional().describe("Default copy, else what the container can hold"),
  audio_bitrate: oneOf(AUDIO_BITRATES).optional().describe("Of audio that is re-encoded"),
  video_quality: z
    .int("must be a whole number from 0 to 51")
    .min(0, "must be at least 0")
    .max(51, "must be at most 51")
    .optional()
    .describe("CRF; lower is better"),
  quality_preset: oneOf(Object.keys(QUALITY_PRESETS) as [keyof typeof QUALITY_PRESETS])
    .optional()
    .describe("Instead of video_quality"),
  max_resolution: Resolution.optional().describe(
    "Compared with the shorter side: best, 2160, 1440, 1080, 720, 480, 360, also with a trailing p",
  ),
  min_resolution: DemandedResolution.optional().describe(
    "The least to take: 2160, 1440, 1080, 720, 480 or 360; a source with less ends as no_format",
  ),
  resolution: DemandedResolution.optional().describe(
    "Exactly this one, counted like min_resolution; a source without it ends as no_format",
  ),
  max_fps: z
    .int("must be a whole number of frames per second")
    .min(1, "must be at least 1")
    .max(MAX_FPS, `must be at most ${MAX_FPS}`)
    .optional()
    .describe(
      "Highest frame rate to take; a source with only higher ones gives its lowest, which is reported",
    ),
  audio_language: AudioLanguage.optional().describe(
    "original (default), a BCP 47 tag such as de or pt-BR, or all: every language as a track (mp4, mkv, mov)",
  ),
  filename: Filename.optional().describe("Without extension; default: title and id of the source"),
  folder: Folder.optional().describe("Folder of the object's key"),
  audio_only: flag("Deliver only the audio"),
  download_subtitles: flag("Store subtitles next to the file, as WebVTT"),
  subtitle_languages: z
    .array(LanguageTag, "must be a list of language tags")
    .min(1, "must name a language")
    .max(20, "must name at most 20 languages")
    .optional()
    .describe("BCP 47 tags, default en"),
  download_thumbnail: flag("Store the thumbnail next to the file, as JPEG"),
  clip_start: Timestamp.optional().describe("HH:MM:SS, MM:SS or seconds"),
  clip_end: Timestamp.optional().describe("HH:MM:SS, MM:SS or seconds"),
  live_recording: flag("Record a live stream; automatic when the source is live"),
  live_from_start: flag("Record from the earliest moment that the source still offers"),
  max_duration: z
    .int("must be a whole number of seconds")
    .min(1, "must be at least 1")
    .max(MAX_RECORDING_SECONDS, `must be at most ${MAX_RECORDING_SECONDS}`)
    .optional()
    .describe("Longest recording, in seconds"),
  wait_for_video: flag("Wait for a scheduled stream, a day at most"),
  max_retry_hours: z
    .int("must be a whole number of hours")
    .min(0, "must be at least 0")
    .max(MAX_RETRY_HOURS, `must be at most ${MAX_RETRY_HOURS}`)
    .optional()
    .describe(
      "Hours that failures of the network, the storage and rate limits are tried again, 0 to 168, with up to an hour between tries; 0: a few times only. Default: RETRY_HORIZON_HOURS of the server, 24",
    )
    .meta({ example: 6 }),
  webhook_url: WebUrl.optional().describe("Receives a webhook event when the job finishes"),
  enable_progress_webhook: flag("Also send a webhook event at each stage"),
  storage: InlineStorage.optional().describe("Destination of the file: a provider with its credentials"),
  paused: flag("Batches only: nothing runs before the batch is started"),
  batch: flag("List the URL and make a batch of its entries"),
} as const;

/** Members that are `null` count as left out, as clients that serialise optional members expect. */
export const withoutNulls = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
    : value;

type Options = {
  readonly [Name in
    | "clip_start"
    | "clip_end"
    | "max_resolution"
    | "min_resolution"
    | "resolution"
    | "webhook_url"
    | "enable_progress_webhook"]?: z.output<(typeof jobOptions)[Name]> | undefined;
};

/** What options must fulfil together. */
export function refineOptions(request: Options, context: z.RefinementCtx): void {
  const { clip_start: start = 0, clip_end: end } = request;
  if (end !== undefined && end <= start) {
    context.addIssue({ code: "custom", path: ["clip_end"], message: "must be greater than clip_start" });
  }
  const { max_resolution: max = null, min_resolution: min, resolution } = request;
  if (min !== undefined && max !== null && min > max) {
    context.addIssue({
      code: "custom",
      path: ["min_resolution"],
      message: "must not be greater than max_resolution",
    });
  }
  if (resolution !== undefined && (min !== undefined || max !== null)) {
    context.addIssue({
      code: "custom",
      path: ["resolution"],
      message: "cannot be combined with min_resolution or max_resolution",
    });
  }
  if (request.enable_progress_webhook && request.webhook_url === undefined) {
    context.addIssue({ code: "custom", path: ["enable_progress_webhook"], message: "needs webhook_url" });
  }
}

/** `POST /jobs` and `POST /jobs/plan`. Only `url` is required; unknown members are ignored and reported in `adjustments`. */
export const JobRequest = z
  .preprocess(withoutNulls, z.object({ url: WebUrl, ...jobOptions }).superRefine(refineOptions))
  .meta({ id: "JobRequest" });
export type JobRequest = z.infer<typeof JobRequest>;

/** The members that are known; others are ignored and reported. */
export const JOB_MEMBERS = ["url", ...Object.keys(jobOptions)] as (keyof JobRequest)[];

/** The request as it is kept and echoed: everything but `storage`. */
export type JobEcho = Omit<JobRequest, "storage">;
