import { z } from "zod";
import { Strategy } from "../api/job.ts";
import { JOB_ERROR_CODES } from "../errors.ts";
import { ExitResult } from "../exits.ts";
import { Id, Time } from "../ids.ts";
import { JobDetails } from "../job-details.ts";
import { Adjustment } from "../media.ts";
import { WORKING_STEPS } from "../states.ts";
import { ToolVersions } from "../tool-versions.ts";
import { CookieReport } from "./cookies.ts";
import { FailureSubject } from "./failure-subject.ts";
import { copyOf, SourceFacts } from "./reuse.ts";
import { SourceIdentity } from "./source-identity.ts";
import { Version } from "./version.ts";
import { YtdlpReport } from "./ytdlp-versions.ts";

/**
 * Processor → Worker: `/internal/*`. Each report carries the run's attempt and its token; a report of a run that
 * no longer owns its job gets 409 `lease_lost`, and the processor then stops the run and publishes nothing.
 */

/** One run in a heartbeat. */
export const RunHeartbeat = z.object({
  job_id: Id,
  attempt: z.int().min(1),
  token: z.string(),
  step: z.enum(WORKING_STEPS),
  progress: z.number().min(0).max(100),
  /** Bytes per second from the source, averaged over the run. */
  download_rate: z.number().min(0).nullable(),
  title: z.string().max(1000).nullable(),
});
export type RunHeartbeat = z.infer<typeof RunHeartbeat>;

/** Id of one process of a processor, made at its start. */
const Boot = z.string().min(1).max(100);

/**
 * A processor has just started: the runs of its former process are lost. Accepted only with the bearer
 * `PROCESSOR_TOKEN`; a Worker of the former version ignores it.
 */
export const ProcessorStarted = z.object({
  /** The process that worked in the same folder before; null if unknown. */
  replaces: Boot.nullable(),
  /** Number of runs that it can take. */
  free_slots: z.int().min(0),
});
export type ProcessorStarted = z.infer<typeof ProcessorStarted>;

/** `POST /internal/heartbeat`: one call for all runs of a processor, every 15 s and at each change of step; runs of less than a second need none. */
export const Heartbeat = z.object({
  v: Version,
  instance: z.string().max(100),
  /** The process that sends it; absent from processors of the former version. */
  boot: Boot.optional(),
  started: ProcessorStarted.optional(),
  runs: z.array(RunHeartbeat).max(1000),
});
export type Heartbeat = z.infer<typeof Heartbeat>;

/**
 * `stop`: the job was taken over; stop at once and publish nothing. `cancel`: the same, and nothing needs to be kept
 * for a successor.
 */
export const HeartbeatResponse = z.object({
  v: Version,
  runs: z.array(z.object({ job_id: Id, attempt: z.int(), verdict: z.enum(["go_on", "stop", "cancel"]) })),
});
export type HeartbeatResponse = z.infer<typeof HeartbeatResponse>;

/** `POST /internal/runs/{id}/upload`: an upload was started; a successor must abort it. Sent before the first part. */
export const UploadStarted = z.object({
  v: Version,
  attempt: z.int().min(1),
  key: z.string(),
  ref: z.string().max(2048),
});
export type UploadStarted = z.infer<typeof UploadStarted>;

/**
 * `POST /internal/runs/{id}/recording`: the pieces of a recording will lie under this key. Sent before the first piece:
 * whatever happens to the runs, the Worker knows where their pieces are.
 */
export const RecordingStarted = z.object({ v: Version, attempt: z.int().min(1), key: z.string() });
export type RecordingStarted = z.infer<typeof RecordingStarted>;

/**
 * `POST /internal/runs/{id}/publish`: may the upload be completed? 200 permits it, at most once per run; a run that copied
 * another job's file reads the answer, see `PublishResponse`.
 */
export const PublishRequest = z.object({
  v: Version,
  attempt: z.int().min(1),
  copy_of: copyOf,
  /** Whose media it is, as far as the run found out; absent from processors of the former version, and for copies. */
  identity: SourceIdentity.optional(),
  /** Of the file that is to become visible; absent if it is not known. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type PublishRequest = z.infer<typeof PublishRequest>;

/**
 * `POST /internal/runs/{id}/source`: whose media it is, before it is fetched. Sent where `RunRequest` asks for it, and before
 * recordings, which may last for hours. The Worker ends the job if the operator denies the source, and answers 409.
 */
export const SourceFound = z.object({ v: Version, attempt: z.int().min(1), identity: SourceIdentity });
export type SourceFound = z.infer<typeof SourceFound>;

const ms = z.int().min(0).nullable();

/** What is known of a delivered file and of the run. */
export const Delivery = z.object({
  key: z.string(),
  subtitle_key: z.string().nullable(),
  thumbnail_key: z.string().nullable(),
  /** One for each language that was requested and is available; `subtitle_key` is the first of them. */
  subtitles: z.array(z.object({ language: z.string(), key: z.string() })).default([]),
  file_size: z.int().min(0),
  /** Null for a copy that was in no place from which it could be read again once its beginning was known. */
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  duration: z.number().min(0).nullable(),
  /** Where the delivered clip is in its source, in seconds; null if the whole media was delivered. */
  clip: z
    .object({ start: z.number().min(0), duration: z.number().min(0).nullable() })
    .nullable()
    .default(null),
  title: z.string().max(1000).nullable(),
  description: z.string().max(10_000).nullable(),
  release_date: z.string().nullable(),
  native_video_codec: z.string().nullable(),
  native_audio_codec: z.string().nullable(),
  actual_quality: z.string().nullable(),
  /** BCP 47 tag of the first audio track; null if it is not known. */
  actual_audio_language: z.string().nullable().default(null),
  /** Languages of the source's audio, the original first. */
  audio_languages: z.array(z.string()).default([]),
  strategy: Strategy,
  /** Absent from processors of the former version. */
  details: JobDetails.default({}),
  /** Absent if no later job may copy the file. */
  source: SourceFacts.optional(),
  /** Adjustments of the run, in addition to those of the request. */
  adjustments: z.array(Adjustment),
  timings: z.object({
    ...{ extract_ms: ms, download_ms: ms, mux_ms: ms, upload_ms: ms },
    // a processor of a former version reports none of these
    precheck_ms: ms.default(null),
    subtitle_ms: ms.default(null),
    file_move_ms: ms.default(null),
    io_wait_ms: ms.default(null),
    cpu_wait_ms: ms.default(null),
    upload_wait_ms: ms.default(null),
  }),
  download_rate: z.number().min(0).nullable(),
  upload_rate: z.number().min(0).nullable(),
  download_retries: z.int().min(0),
  upload_retries: z.int().min(0),
});
export type Delivery = z.infer<typeof Delivery>;

/** Ways that the run tried; absent if unknown. */
const attempts = z.int().min(0).optional();

/** How the run fared with each exit, in the order of their use; absent from processors of the former version. */
const exit_results = z.array(ExitResult).max(20).optional();

/** Tools of the run; of yt-dlp, the version that it used last. Absent from processors of the former version. */
const tools = ToolVersions.nullable();

/** `POST /internal/runs/{id}/outcome`: how the run ended. Repeated until it gets a response. */
export const Outcome = z.object({
  v: Version,
  attempt: z.int().min(1),
  outcome: z.discriminatedUnion("type", [
    z.object({
      type: z.literal("completed"),
      delivery: Delivery,
      tools: tools.default(null),
      attempts,
      exit_results,
      ytdlp: YtdlpReport.optional(),
      cookies: CookieReport.optional(),
    }),
    z.object({
      type: z.literal("failed"),
      code: z.enum(JOB_ERROR_CODES),
      subject: FailureSubject,
      tools: tools.optional(),
      attempts,
      exit_results,
      ytdlp: YtdlpReport.optional(),
      /** Respected before the next try, if the failure is retried. */
      retry_after_ms: z.int().min(0).nullable(),
      /** False: not worth retrying for hours; absent if unknown. */
      transient: z.boolean().optional(),
      /** The processor's own proxies that this run did not use: the refusal was about single addresses. */
      other_exits: z.int().min(0).optional(),
      cookies: CookieReport.optional(),
      title: z.string().max(1000).nullable(),
    }),
    z.object({ type: z.literal("postponed"), until: Time }),
    z.object({ type: z.literal("interrupted") }),
  ]),
  /** Number of runs that the processor can take after this one; absent if unknown. */
  free_slots: z.int().min(0).optional(),
});
export type Outcome = z.infer<typeof Outcome>;

export const Acknowledged = z.object({ v: Version, status: z.literal("ok") });
