import { z } from "zod";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Id, Time } from "../ids.ts";
import { Adjustment, MediaPlan } from "../media.ts";
import { STATUSES, STEPS } from "../states.ts";
import { ToolVersions } from "../tool-versions.ts";
import { clampedInt } from "./clamped-int.ts";
import { Metadata } from "./metadata.ts";
import { StreamFacts } from "./probe.ts";
import { PROVIDERS } from "./storage.ts";

const ms = z.int().min(0).nullable();
const text = z.string().nullable();
const link = text.describe("Signed for 24 hours");

/** How the bytes get from the source to the storage. */
export const STRATEGIES = [
  "ranges",
  "sequential",
  "mux",
  "hls",
  "dash",
  "transcode",
  "tool",
  "live",
  "copy",
] as const;
export const Strategy = z.enum(STRATEGIES);
export type Strategy = z.infer<typeof Strategy>;

export const WEBHOOK_STATUSES = ["pending", "delivered", "failed", "no_webhook"] as const;

/** A job as `GET /jobs/{id}` reports it. Values that are not known yet are null. The fields of the request are echoed as well. */
export const Job = z
  .looseObject({
    id: Id,
    url: z.string(),
    status: z.enum(STATUSES),
    step: z.enum(STEPS),
    progress: z.number().min(0).max(100),
    s3_url: link,
    subtitle_url: link,
    thumbnail_url: link,
    error: text.describe("One sentence: why the job failed, or, while it is Pending, why it will be retried"),
    error_type: z.enum(["error", "warning"]).nullable(),
    error_code: z.enum(JOB_ERROR_CODES).nullable(),
    title: text,
    description: text,
    release_date: text.describe("ISO 8601 date"),
    folder: text,
    batch_id: Id.nullable(),
    original_job_id: Id.nullable().describe("The job that this one retries"),
    subscription_id: Id.nullable().describe("The subscription that created the job"),
    s3_key: text.describe(
      "The full object key; in the managed bucket it begins with the account's storage_prefix",
    ),
    file_replaced_by: Id.nullable().describe(
      "The later job that overwrote the file at s3_key; this job's links are null and it cannot delete the file",
    ),
    subtitle_key: text,
    thumbnail_key: text,
    subtitles: z
      .array(z.object({ language: z.string(), key: z.string(), url: link }))
      .describe("All delivered subtitles; subtitle_key and subtitle_url refer to the first"),
    storage_provider: z.enum(PROVIDERS).nullable(),
    file_size: z.int().min(0).nullable().describe("Bytes"),
    sha256: text.describe(
      "SHA-256 of the delivered file, in hex; null until there is one, and for copies of HLS and DASH that a server without room on its disk delivered",
    ),
    duration: z.number().min(0).nullable().describe("Seconds"),
    actual_clip_start: z
      .number()
      .min(0)
      .nullable()
      .describe("Where the delivered clip begins in the source, in seconds; null without a clip"),
    actual_clip_duration: z.number().min(0).nullable().describe("Seconds"),
    created_at: Time,
    started_at: Time.nullable(),
    finished_at: Time.nullable(),
    next_try_at: Time.nullable().describe(
      "Pending: when the job will be retried; null if it only waits for a free slot",
    ),
    expires_at: Time.nullable().describe(
      "When the delivered file will be deleted; null outside the managed bucket",
    ),
    attempt: z.int().min(0).describe("Runs so far"),
    download_speed_mbps: z.number().min(0).nullable().describe("MB/s despite the name"),
    upload_speed_mbps: z.number().min(0).nullable().describe("MB/s despite the name"),
    extract_duration_ms: ms,
    download_duration_ms: ms,
    mux_duration_ms: ms,
    upload_duration_ms: ms,
    total_duration_ms: ms.describe("From acceptance to the end"),
    queue_wait_ms: ms.describe("From acceptance to the first run"),
    precheck_duration_ms: ms.describe("Looking at the source's files before anything is delivered"),
    subtitle_duration_ms: ms.describe(
      "Fetching subtitles, next to everything else; null if none were asked for",
    ),
    file_move_ms: ms.describe("Making the uploaded file visible under its key"),
    io_wait_ms: ms.describe("Waiting for a connection to the source; null if nothing had to wait"),
    cpu_wait_ms: ms.describe("Waiting for a slot for re-encoding; null if nothing was re-encoded"),
    upload_wait_ms: ms.describe("Waiting until the upload had room for another part"),
    cascade_total_attempts: z
      .int()
      .min(0)
      .nullable()
      .describe(
        "Ways that were tried in all runs: extractions, plain instead of fast transfers, other exits; null until a run has ended",
      ),
    download_retries: z.int().min(0).nullable(),
    upload_retries: z.int().min(0).nullable(),
    native_video_codec: text,
    native_audio_codec: text,
    requested_quality: text.meta({ example: "best" }),
    actual_quality: text.meta({ example: "1080p" }),
    actual_audio_language: text
      .describe(
        "BCP 47 tag of the delivered audio (with audio_language all: of the first track); null if the source names none",
      )
      .meta({ example: "en" }),
    audio_languages: z
      .array(z.string())
      .describe(
        "Languages of the source's audio, the original first; empty if it names none. Audio description and commentary are not included",
      )
      .meta({ example: ["en", "de", "pt-BR"] }),
    download_strategy: Strategy.nullable().describe(
      "How the bytes reached the storage; copy: from the file of an earlier job",
    ),
    copied_from: Id.nullable().describe("The job whose file was copied; null where the media was fetched"),
    exit: z
      .string()
      .nullable()
      .describe(
        "Name of the operator's exit through which the source was asked last; null where none are configured",
      )
      .meta({ example: "de-1" }),
    tool_versions: ToolVersions.nullable().describe(
      "Tools of the run that delivered the file, or of the last run that failed. Of yt-dlp, the version that found the media: where the operator tries a newer one, it may differ between jobs",
    ),
    webhook_status: z.enum(WEBHOOK_STATUSES),
    webhook_attempts: z.int().min(0),
    webhook_last_error: text,
    webhook_response_time_ms: ms,
    marketplace_source: z
      .enum(["rapidapi", "apify", "zyla"])
      .nullable()
      .describe("The marketplace that the account belongs to; null for others"),
    metadata: Metadata.nullable().describe("As it was sent with the request; null without"),
    adjustments: z.array(Adjustment),
  })
  .meta({ id: "Job" });
export type Job = z.infer<typeof Job>;

const adjustments = z.array(Adjustment).optional().describe("Present if something was corrected");

/** 201 of `POST /jobs` for one job. */
export const CreatedJob = z
  .object({
    job_id: Id,
    adjustments,
    cached: z
      .literal(true)
      .optional()
      .describe("Replayed response of an earlier request with the same idempotency key"),
  })
  .meta({ id: "CreatedJob" });

/** Response of `POST /jobs/plan`: what would be done; nothing is created. */
export const PlannedJob = z
  .object({
    url: z.string(),
    plan: MediaPlan,
    adjustments: z.array(Adjustment),
    storage_provider: z.enum(PROVIDERS),
    folder: z.string().describe("Folder of the object's key").meta({ example: "videos/talks" }),
    filename: text.describe("Null if it will be derived from the title"),
    title: text,
    duration: z.number().min(0).nullable().describe("Duration of the source in seconds"),
    streams: z
      .array(StreamFacts)
      .nullable()
      .describe("The streams that the job would use; null if the source was not reached"),
    estimated_size: z.int().min(0).nullable().describe("Bytes; null if unknown"),
    actual_audio_language: text.describe(
      "Language of the audio that the job would use; null if the source names none",
    ),
    audio_languages: z.array(z.string()).describe("Languages of the source's audio, the original first"),
    source_error: z
      .object({
        code: z
          .enum(JOB_ERROR_CODES)
          .nullable()
          .describe("The error that a job would end with; null for a temporary failure"),
        error: z.string(),
      })
      .nullable()
      .describe("Why `streams` is null"),
  })
  .meta({ id: "PlannedJob" });
export type PlannedJob = z.infer<typeof PlannedJob>;

export const JobList = z
  .object({
    jobs: z.array(Job),
    total: z.int().min(0).describe("Number of jobs that match the filter; with `search`, those on this page"),
    limit: z.int(),
    offset: z.int(),
    next_cursor: text.describe("Send as `cursor` for the next page; null on the last"),
  })
  .meta({ id: "JobList" });

/** A status, in upper or lower case; an unknown one is refused. */
export const StatusFilter = z.string().transform((value, context) => {
  const known = STATUSES.find((status) => status.toLowerCase() === value.toLowerCase());
  if (known === undefined) {
    context.addIssue({ code: "custom", message: `must be one of ${STATUSES.join(", ")}` });
    return z.NEVER;
  }
  return known;
});

/** Query of `GET /jobs`. Numbers out of range are clamped; an unknown status is refused. */
export const JobListQuery = z.object({
  limit: clampedInt(1, 100, 20),
  offset: clampedInt(0, 1_000_000, 0),
  status: StatusFilter.optional(),
  batch_id: Id.optional(),
  metadata: Metadata.optional().describe(
    "Only jobs with all of these pairs in their metadata: metadata[customer]=acme",
  ),
  search: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .optional()
    .describe(
      "Only jobs whose title, URL, key or file name contains each of these words, in upper or lower case; or the job with this id. A page looks through 2,000 jobs at most: it may be empty although next_cursor leads to older ones",
    ),
  cursor: Id.optional().describe("next_cursor of the previous page; offset is then ignored"),
});
export type JobListQuery = z.infer<typeof JobListQuery>;

export const CancelledJob = z.object({ message: z.string(), job_id: Id }).meta({ id: "CancelledJob" });
export const RetriedJob = z
  .object({ job_id: Id, original_job_id: Id, message: z.string() })
  .meta({ id: "RetriedJob" });
export const DeletedFile = z
  .object({ message: z.string(), job_id: Id, deleted_key: z.string() })
  .meta({ id: "DeletedFile" });

/** Data of the SSE events `progress` and `status`. */
export const JobProgress = z
  .object({
    job_id: Id,
    status: z.enum(STATUSES),
    step: z.enum(STEPS),
    progress: z.number(),
    download_speed_mbps: z.number().nullable(),
  })
  .meta({ id: "JobProgress" });
export type JobProgress = z.infer<typeof JobProgress>;
