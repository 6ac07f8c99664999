import { z } from "zod";
import { Id, Time } from "../ids.ts";
import { Adjustment, MediaPlan } from "../media.ts";
import { Version } from "./version.ts";

/** Worker → processor: `POST /runs`, `DELETE /runs/{id}`, `GET /healthz`; bearer `PROCESSOR_TOKEN`. */

/** An S3 bucket with credentials; held in memory only. */
const S3Target = z.object({
  provider: z.literal("s3"),
  endpoint: z.url(),
  bucket: z.string(),
  region: z.string(),
  access_key: z.string(),
  secret_key: z.string(),
  /** The operator's own bucket: its endpoint may be a private address. */
  managed: z.boolean(),
});

/** Where the file goes; one member for each provider. */
export const StorageTarget = z.discriminatedUnion("provider", [S3Target]);
export type StorageTarget = z.infer<typeof StorageTarget>;

/** What a former run of the same job may have left behind in the storage. */
export const Predecessor = z.object({
  claimed_at: Time,
  upload: z.object({ key: z.string(), ref: z.string() }).nullable(),
});
export type Predecessor = z.infer<typeof Predecessor>;

/** One run: a claim of a job, with all that a processor needs and nothing that it must look up. */
export const RunRequest = z.object({
  v: Version,
  job_id: Id,
  /** The fence; every callback carries it. */
  attempt: z.int().min(1),
  /** Bearer of this run's callbacks. */
  token: z.string(),
  url: z.string(),
  plan: MediaPlan,
  /** Told so far; the processor adds its own. */
  adjustments: z.array(Adjustment),
  /** Chosen by the caller; null: from the title. */
  filename: z.string().nullable(),
  key_prefix: z.object({
    base_folder: z.string(),
    folder_prefix: z.string().optional(),
    folder: z.string().optional(),
  }),
  subtitles: z.object({ languages: z.array(z.string()) }).nullable(),
  thumbnail: z.boolean(),
  limits: z.object({
    max_filesize_bytes: z.int().nullable(),
    max_duration_seconds: z.int().nullable(),
  }),
  target: StorageTarget,
  predecessor: Predecessor.nullable(),
});
export type RunRequest = z.infer<typeof RunRequest>;

/** 202 of `POST /runs`. Without a free slot the answer is 503 with `Retry-After` instead. */
export const RunAccepted = z.object({ v: Version, job_id: Id, attempt: z.int() });

/** `GET /healthz` of the processor. */
export const ProcessorHealth = z.object({
  status: z.enum(["ok", "draining"]),
  instance: z.string(),
  runs: z.int(),
  slots: z.object({ network: z.int(), cpu: z.int() }),
  tools: z.object({
    ytdlp: z.string(),
    ffmpeg: z.string(),
    /** Runtime for the sources' own scripts. */
    javascript: z.string(),
    /** Without them, some sources offer only poor formats. */
    challenge_scripts: z.boolean(),
  }),
});
export type ProcessorHealth = z.infer<typeof ProcessorHealth>;
