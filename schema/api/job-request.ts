import "../messages.ts";
import { z } from "zod";
import { AUDIO_CHOICES, VIDEO_CHOICES } from "../containers.ts";
import { Country, MEDIA_EXITS } from "../exits.ts";
import { AUDIO_BITRATES, MAX_FPS, parseTimestamp, QUALITY_PRESETS, RESOLUTIONS } from "../media.ts";
import { cleanFilename } from "../storage/object-key.ts";
import { isWholeText } from "../text.ts";
import { COOKIE_MODES } from "./cookies/mode.ts";
import { Metadata } from "./metadata.ts";
import { InlineStorage } from "./storage.ts";
import { WEBHOOK_CHOICES } from "./webhook.ts";

/** Longest URL that is taken, in characters. */
export const MAX_URL_LENGTH = 2048;
/** Longest recording, in seconds. */
export const MAX_RECORDING_SECONDS = 43_200;

/** Longest time for which failures of the network or the storage and rate limits are retried, in hours. */
export const MAX_RETRY_HOURS = 168;

/** An http or https URL. Whether its host is public is checked later (`schema/address.ts`). */
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

/** One of the resolutions; `best` is not allowed here. */
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
  .refine(...isWholeText)
  .transform(cleanFilename)
  .refine((name) => name !== "" && name !== ".", "must contain a visible character");

/** A folder that a caller chose. It may have several levels but no `..`. */
export const Folder = z
  .string()
  .trim()
  .min(1, "must not be empty")
  .max(200, "Folder name too long (max 200 characters)")
  .refine((folder) => !folder.includes(".."), "must not contain ..")
  .refine(...isWholeText)
  .refine((folder) => !/^[/\\]/.test(folder), "must not begin with / or \\")
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  .refine((folder) => !/[\u0000-\u001f\u007f]/.test(folder), "must not contain control characters");

/** A BCP 47 tag, checked loosely, because sources use many forms. */
const LANGUAGE_TAG = /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/;
const LanguageTag = z
  .string("must be a language tag")
  .regex(LANGUAGE_TAG, "must be a BCP 47 language tag such as en or pt-BR");

const AUDIO_LANGUAGE_SENTENCE = "must be original, all, or a BCP 47 language tag such as en or pt-BR";

/** Which language to deliver; a tag is brought into its canonical form. */
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

const FPS = `must be a whole number of frames per second, from 1 to ${MAX_FPS}`;
const RECORDING = `must be a whole number of seconds, from 1 to ${MAX_RECORDING_SECONDS}`;
const RETRY = `must be a whole number of hours, from 0 to ${MAX_RETRY_HOURS}`;

/** Whether a file that the account has already may be copied. */
export const REUSE_CHOICES = ["auto", "never"] as const;

/** When a source gets stored cookies. */
export const Cookies = oneOf(COOKIE_MODES)
  .optional()
  .describe(
    "When the source gets the cookies that you or the operator stored for its site: fallback (default), after it refused a visitor without a session; always; or never",
  );

/** Every field of a job request except `url`; the jobs of a bulk request share them. */
export const jobOptions = {
  format: z
    .string()
    .optional()
    .describe("mp4, mkv, webm, mov, m4a, mp3, ogg or opus; for any other string the default is used"),
  video_codec: oneOf(VIDEO_CHOICES).optional().describe("Default: copy, which keeps the source's stream"),
  audio_codec: oneOf(AUDIO_CHOICES)
    .optional()
    .describe("Default: copy, or a codec that the container can hold"),
  audio_bitrate: oneOf(AUDIO_BITRATES).optional().describe("Bitrate of re-encoded audio"),
  video_quality: z
    .int("must be a whole number from 0 to 51")
    .min(0, "must be a whole number from 0 to 51")
    .max(51, "must be a whole number from 0 to 51")
    .optional()
    .describe("CRF; lower is better"),
  quality_preset: oneOf(Object.keys(QUALITY_PRESETS) as [keyof typeof QUALITY_PRESETS])
    .optional()
    .describe("Replaces video_quality"),
  max_resolution: Resolution.optional().describe(
    "Limit for the shorter side: best, 2160, 1440, 1080, 720, 480 or 360, also with a trailing p",
  ),
  min_resolution: DemandedResolution.optional().describe(
    "Lowest acceptable resolution: 2160, 1440, 1080, 720, 480 or 360. If the source has less, the job ends with no_format",
  ),
  resolution: DemandedResolution.optional().describe(
    "Exactly this resolution, measured like min_resolution. If the source does not have it, the job ends with no_format",
  ),
  max_fps: z
    .int(FPS)
    .min(1, FPS)
    .max(MAX_FPS, FPS)
    .optional()
    .describe(
      "Highest acceptable frame rate. If the source has only higher ones, the lowest is delivered and reported",
    ),
  audio_language: AudioLanguage.optional().describe(
    "original (default), a BCP 47 tag such as de or pt-BR, or all: every language as a track (mp4, mkv, mov)",
  ),
  filename: Filename.optional().describe("Without extension; default: title and id of the media"),
  folder: Folder.optional().describe("Folder of the object key"),
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
    .int(RECORDING)
    .min(1, RECORDING)
    .max(MAX_RECORDING_SECONDS, RECORDING)
    .optional()
    .describe("Longest recording, in seconds"),
  wait_for_video: flag("Wait for a scheduled stream, for a day at most"),
  max_retry_hours: z
    .int(RETRY)
    .min(0, RETRY)
    .max(MAX_RETRY_HOURS, RETRY)
    .optional()
    .describe(
      "Hours for which failures of the network or the storage and rate limits are retried, 0 to 168, with up to an hour between tries; 0: only a few retries. Default: the server's RETRY_HORIZON_HOURS, 24",
    )
    .meta({ example: 6 }),
  geo: Country.optional()
    .describe(
      "Country from which the source is asked, two letters (ISO 3166-1); only for servers whose operator has an exit there. Media comes from there, too",
    )
    .meta({ example: "DE" }),
  media_exit: oneOf(MEDIA_EXITS)
    .optional()
    .describe(
      "`same`: media comes through the same exit as the page. `auto`: it comes directly where the site allows it and the operator does, because proxies are paid for by the gigabyte. Default: `auto`",
    )
    .meta({ example: "same" }),
  reuse: oneOf(REUSE_CHOICES)
    .optional()
    .describe(
      "auto (default): if an earlier job of the account delivered the same media with the same options, its file is copied within the storage instead of fetched again. never: always fetch. Storage that comes with the request is always fetched for",
    )
    .meta({ example: "auto" }),
  webhook_url: WebUrl.optional().describe("Receives a webhook event when the job finishes"),
  enable_progress_webhook: flag("Also sends a webhook event at each stage"),
  webhook_events: z
    .array(oneOf(WEBHOOK_CHOICES), "must be a list of event types")
    .min(1, "must name an event type; leave it out for all")
    .max(20, "must name each event type once")
    .optional()
    .describe(
      `Types of events to send: ${WEBHOOK_CHOICES.join(", ")}. Default: all but progress, which is the same as enable_progress_webhook`,
    )
    .meta({ example: ["job_completed", "batch_completed"] }),
  cookies: Cookies,
  metadata: Metadata.optional(),
  storage: InlineStorage.optional().describe("Destination of the file: a provider with its credentials"),
  paused: flag("Batches only: no job runs before the batch is started"),
  batch: flag("Treat the URL as a list and create a batch of its entries"),
} as const;

/** Treats members that are `null` as absent, as clients that serialise optional members expect. */
export const withoutNulls = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null))
    : value;

type Options = {
  readonly [Name in "clip_start" | "clip_end" | "max_resolution" | "min_resolution" | "resolution"]?:
    | z.output<(typeof jobOptions)[Name]>
    | undefined;
};

/** Conditions on combinations of options. */
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
}

/** `POST /jobs` and `POST /jobs/plan`. Only `url` is required; unknown members are ignored and reported in `adjustments`. */
export const JobRequest = z
  .preprocess(withoutNulls, z.object({ url: WebUrl, ...jobOptions }).superRefine(refineOptions))
  .meta({ id: "JobRequest" });
export type JobRequest = z.infer<typeof JobRequest>;

/** The known members; others are ignored and reported. */
export const JOB_MEMBERS = ["url", ...Object.keys(jobOptions)] as (keyof JobRequest)[];

/** The request as it is stored and echoed: everything except `storage`. */
export type JobEcho = Omit<JobRequest, "storage">;
