import { z } from "zod";
import { Id, Time } from "../ids.ts";
import { Adjustment, MediaPlan } from "../media.ts";
import { ReadinessCheck } from "../readiness-check.ts";
import { Delivery } from "./callback.ts";
import { CookieUse } from "./cookies.ts";
import { Version } from "./version.ts";
import { YtdlpPolicy } from "./ytdlp-versions.ts";

/** Worker → processor: `POST /runs`, `DELETE /runs/{id}`, `GET /healthz`; bearer `PROCESSOR_TOKEN`. */

/** What the caller asks of the objects, as far as the provider has it; see `schema/storage/object-options.ts`. */
const ObjectOptions = z.object({
  server_side_encryption: z.string().optional(),
  kms_key_id: z.string().optional(),
  encryption_scope: z.string().optional(),
  storage_class: z.string().optional(),
  acl: z.string().optional(),
  tags: z.record(z.string(), z.string()).optional(),
});

/** Members of every target. All targets hold credentials: they are kept in memory only. */
const common = {
  /** The operator's own storage: its endpoint may be a private address. */
  managed: z.boolean(),
  options: ObjectOptions.optional(),
};

export const S3Target = z.object({
  provider: z.literal("s3"),
  /** Scheme, host and an optional path in front of the bucket. */
  endpoint: z.url(),
  bucket: z.string(),
  region: z.string(),
  access_key: z.string(),
  secret_key: z.string(),
  /** Of temporary credentials. */
  session_token: z.string().optional(),
  /** `path`: `endpoint/bucket/key`; `virtual`: `bucket.endpoint/key`. */
  addressing: z.enum(["path", "virtual"]),
  ...common,
});

export type S3Target = z.infer<typeof S3Target>;

const BlobTarget = z.object({
  provider: z.literal("blob"),
  /** Of the account, without the container. @example "https://ACCOUNT.blob.core.windows.net" */
  endpoint: z.url(),
  account_name: z.string(),
  container: z.string(),
  /** The account's key (Base64), or a shared access signature without its leading `?`. */
  credential: z.union([z.object({ account_key: z.string() }), z.object({ sas_token: z.string() })]),
  ...common,
});

const GcsTarget = z.object({
  provider: z.literal("gcs"),
  /** Of the XML interface. @example "https://storage.googleapis.com" */
  endpoint: z.url(),
  bucket: z.string(),
  service_account: z.object({
    client_email: z.string(),
    /** PKCS #8 in PEM. */
    private_key: z.string(),
    token_uri: z.url(),
    project_id: z.string(),
  }),
  ...common,
});

const OssTarget = z.object({
  provider: z.literal("oss"),
  /** Of the region, without the bucket. @example "https://oss-cn-hangzhou.aliyuncs.com" */
  endpoint: z.url(),
  bucket: z.string(),
  /** Part of the signature. @example "cn-hangzhou" */
  region: z.string(),
  access_key_id: z.string(),
  access_key_secret: z.string(),
  /** Of temporary credentials. */
  session_token: z.string().optional(),
  ...common,
});

const GdriveTarget = z.object({
  provider: z.literal("gdrive"),
  /** Of Drive's API. @example "https://www.googleapis.com" */
  endpoint: z.url(),
  /** The folder that holds everything; empty for the root of the service account's own Drive. */
  folder_id: z.string(),
  /** Everybody who has the link may read what is delivered. */
  share_links: z.boolean(),
  service_account: z.object({
    client_email: z.string(),
    /** PKCS #8 in PEM. */
    private_key: z.string(),
    token_uri: z.url(),
  }),
  ...common,
});

/** Where the file goes; one member for each provider. `schema/storage/target.ts` makes it from a caller's credentials. */
export const StorageTarget = z.discriminatedUnion("provider", [
  S3Target,
  BlobTarget,
  GcsTarget,
  OssTarget,
  GdriveTarget,
]);
export type StorageTarget = z.infer<typeof StorageTarget>;

/** What a former run of the same job may have left behind in the storage. */
export const Predecessor = z.object({
  /** When the first of them was claimed: what was begun since may be theirs. */
  claimed_at: Time,
  upload: z.object({ key: z.string(), ref: z.string() }).nullable(),
});
export type Predecessor = z.infer<typeof Predecessor>;

/** A file that an earlier job of the account delivered to the same place, by the same plan. */
export const DeliveredFile = z.object({
  job_id: Id,
  /** What its run reported. */
  delivery: Delivery,
  /** It is new enough to be taken without asking the source whether it has changed. */
  recent: z.boolean(),
});
export type DeliveredFile = z.infer<typeof DeliveredFile>;

/** 200 of `POST /internal/runs/{id}/known`. */
export const KnownResponse = z.object({ v: Version, file: DeliveredFile.nullable() });

/** One run: a claim of a job, with everything that a processor needs to know. */
export const RunRequest = z.object({
  v: Version,
  job_id: Id,
  /** The fence; every callback carries it. */
  attempt: z.int().min(1),
  /** Bearer of this run's callbacks. */
  token: z.string(),
  /** W3C trace context of the claim; absent from Workers of the former version. */
  traceparent: z.string().max(256).optional(),
  url: z.string(),
  plan: MediaPlan,
  /** Reported so far; the processor adds more. */
  adjustments: z.array(Adjustment),
  /** Chosen by the caller; null: derived from the title. */
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
  /** For a stream that has not begun: since when the job has waited, and until when it will; null: it fails at once. */
  wait: z.object({ since: Time, until: Time }).nullable().default(null),
  /** It belongs to a batch and may not use the slots that a processor reserves for single jobs. */
  batch: z.boolean().default(false),
  /** The job lost runs before: no other run may be on the processor at the same time. */
  alone: z.boolean().default(false),
  /**
   * Where the source is asked from, the chosen exit first, then those that may replace it if the source refuses; empty
   * or absent: the processor's own way.
   */
  exits: z
    .array(
      z.object({
        name: z.string(),
        /** Of the proxy, with credentials, so it is kept in memory only; null: the processor's own address. */
        url: z.string().nullable(),
        country: z.string().nullable().default(null),
        /** `direct`: media is first tried without the proxy, as far as nothing ties it to the exit's address. */
        media: z.enum(["same", "direct"]).default("same"),
      }),
    )
    .max(10)
    .optional(),
  /** A file of an earlier job may be copied: this one, or one that `POST /internal/runs/{id}/known` names. Absent: none. */
  reuse: z.object({ file: DeliveredFile.nullable() }).optional(),
  /** Which of two versions of yt-dlp comes first. */
  ytdlp: YtdlpPolicy.optional(),
  cookies: CookieUse,
  /** The operator denies some sources: whose media it is must be reported before it is fetched. */
  reports_source: z.literal(true).optional(),
  /** For a stream that is on air. */
  recording: z
    .object({
      /** The caller asked for a recording; a live source is recorded in any case. */
      asked: z.boolean(),
      /** From the earliest moment that the source still offers, not from now. */
      from_start: z.boolean(),
      max_seconds: z.int().min(1),
      /** Where a former run stored its pieces; absent if there was none. */
      key: z.string().optional(),
    })
    .default({ asked: false, from_start: false, max_seconds: 43_200 }),
});
export type RunRequest = z.infer<typeof RunRequest>;

/** 202 of `POST /runs`. Without a free slot the response is 503 with `Retry-After` instead. */
export const RunAccepted = z.object({ v: Version, job_id: Id, attempt: z.int() });

/**
 * What the processor's machine enforces around each run of a tool. Everything is false on a machine without Landlock
 * and resource limits, and where the operator turned the isolation off.
 *
 * @example { "files": true, "network": true, "signals": true, "limits": true }
 */
export const Isolation = z
  .object({
    files: z.boolean().describe("A tool sees its own work folder and the system's libraries, no other file"),
    network: z.boolean().describe("A tool connects to the processor's proxy only"),
    signals: z.boolean().describe("A tool signals no process but its own"),
    limits: z.boolean().describe("A tool has limits on address space and processor time"),
  })
  .meta({ id: "Isolation" });
export type Isolation = z.infer<typeof Isolation>;

/** `GET /healthz` of the processor. */
export const ProcessorHealth = z.object({
  status: z.enum(["ok", "draining"]),
  instance: z.string(),
  runs: z.int(),
  slots: z.object({ network: z.int(), cpu: z.int() }),
  tools: z.object({
    ytdlp: z.string(),
    ytdlp_channel: z.string(),
    /** The newer version next to it; null or absent: there is none. */
    ytdlp_candidate: z.string().nullish(),
    ffmpeg: z.string(),
    /** Runtime for the sources' own scripts. */
    javascript: z.string(),
    /** Without them, some sources offer only low-quality formats. */
    challenge_scripts: z.boolean(),
  }),
  /** Isolation of each run of a tool. */
  isolation: Isolation,
  /** What the processor found out about itself; a processor of a former version reports none. */
  checks: z.array(ReadinessCheck).default([]),
  /** The processor's clock, so that the Worker can compare it with its own. */
  time: Time.optional(),
});
export type ProcessorHealth = z.infer<typeof ProcessorHealth>;
