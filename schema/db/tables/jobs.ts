import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { STRATEGIES } from "../../api/job.ts";
import { PROVIDERS, STORAGE_SOURCES } from "../../api/storage.ts";
import type { JobErrorCode } from "../../errors.ts";
import type { JobDetails } from "../../job-details.ts";
import type { Adjustment, MediaPlan } from "../../media.ts";
import { STATUSES, STEPS } from "../../states.ts";
import type { ToolVersions } from "../../tool-versions.ts";
import { id, json, time } from "./columns.ts";

export const jobs = sqliteTable(
  "jobs",
  {
    id: id(),
    account_id: text("account_id").notNull(),
    /** The key of the request; null for callers of a gateway. */
    key_id: text("key_id"),
    batch_id: text("batch_id"),
    /** Position in the batch, in the source's order; from 0. */
    batch_index: integer("batch_index"),
    /** Position in the order in which the batch's jobs ended; from 1. */
    end_index: integer("end_index"),
    original_job_id: text("original_job_id"),

    // the request
    /** Without passwords and tokens, which `sealed_urls` holds. */
    url: text("url").notNull(),
    /** What is fetched instead if the URL itself has no media: the open enclosure of a Spotify episode. */
    media_url: text("media_url"),
    /** `url` and `media_url` in full, as JSON, sealed with the account's id; null if nothing in them is hidden. */
    sealed_urls: text("sealed_urls"),
    /** The request's `webhook_url`, sealed with the account's id: all jobs of a batch and their deliveries share it. */
    sealed_webhook_url: text("sealed_webhook_url"),
    /** The key that sealed these two; null without them, empty in rows of former versions that `POST /admin/reseal` has to seal. */
    sealing_key_id: text("sealing_key_id"),
    /** Known members of the request as the caller sent them, without `storage`; with secrets in its addresses hidden as in `url`. */
    request: json<Record<string, unknown>>("request").notNull(),
    /** File name that the batch assigned. It overrides the request's, so that no two files overwrite each other. */
    filename: text("filename"),
    plan: json<MediaPlan>("plan").notNull(),
    adjustments: json<Adjustment[]>("adjustments").notNull(),
    storage_provider: text("storage_provider", { enum: PROVIDERS }).notNull(),
    /** Whose storage: the operator's bucket, the account's own, or one that came with the request. */
    storage_source: text("storage_source", { enum: STORAGE_SOURCES }).notNull(),
    /** Bucket and endpoint in one text; null for the operator's bucket. */
    storage_place: text("storage_place"),

    // the state machine's columns: written by transitions only
    status: text("status", { enum: STATUSES }).notNull(),
    step: text("step", { enum: STEPS }).notNull(),
    progress: integer("progress").notNull(),
    /** The fence: raised by each claim. */
    attempt: integer("attempt").notNull(),
    /** Claims that no processor accepted; `attempt - refusals` is the number that callers see. */
    refusals: integer("refusals").notNull(),
    interruptions: integer("interruptions").notNull(),
    failures: integer("failures").notNull(),
    /** Time of the first failure that is retried: the retry horizon begins here. */
    failing_since: time("failing_since"),
    publishing: integer("publishing", { mode: "boolean" }).notNull(),
    /** Raised by every change that watchers should see; the event id of the job's stream. */
    revision: integer("revision").notNull(),
    /** Why the job failed; while it is pending, why it will be retried. */
    error_code: text("error_code").$type<JobErrorCode>(),

    // the claim
    /** Pending: not to be run before this; null while its batch holds it back. */
    due_at: time("due_at"),
    /** Pending: reconcile sends the dispatch message again after this. */
    enqueue_due_at: time("hint_due_at"),
    claimed_at: time("claimed_at"),
    lease_expires_at: time("lease_expires_at"),
    /** The processor instance that the claim was handed to. */
    runner: text("runner"),
    /** The process that runs the claim, as its heartbeats say; null before the first one. */
    boot: text("boot"),
    /** The instance that was unreachable, lost the last run or had no room for it: the next claim goes elsewhere. */
    avoid_runner: text("avoid_runner"),
    /** Unfinished upload in the storage, to be aborted by a successor. */
    upload_key: text("upload_key"),
    upload_ref: text("upload_ref"),
    /** Where the pieces of a recording are stored until it is delivered or discarded. */
    recording_key: text("recording_key"),
    /** The key that the run is allowed to write; no other job of the account writes or deletes it meanwhile. */
    publishing_key: text("publishing_key"),

    // the result
    object_key: text("object_key"),
    /** The key without its extension: the names of subtitles and thumbnail begin with it. */
    object_stem: text("object_stem"),
    /** The job that wrote another file under `object_key`: the object is no longer this job's. */
    file_replaced_by: text("file_replaced_by"),
    /** The file is being deleted: until then no other job of the account writes its key. */
    erasing_until: time("erasing_until"),
    /** Inline storage: the links as they were signed at the end, sealed with the job's id; null after they expired. */
    links: text("links"),
    links_expire_at: time("links_expire_at"),
    subtitle_key: text("subtitle_key"),
    thumbnail_key: text("thumbnail_key"),
    /** All that were delivered; `subtitle_key` is the first of them. */
    subtitles: json<{ language: string; key: string }[]>("subtitles"),
    file_size: integer("file_size"),
    sha256: text("sha256"),
    duration: real("duration"),
    /** Where the delivered clip is in its source, in seconds. */
    clip_start: real("clip_start"),
    clip_duration: real("clip_duration"),
    title: text("title"),
    description: text("description"),
    release_date: text("release_date"),
    native_video_codec: text("native_video_codec"),
    native_audio_codec: text("native_audio_codec"),
    actual_quality: text("actual_quality"),
    /** BCP 47 tag of the first audio track that was delivered. */
    actual_audio_language: text("actual_audio_language"),
    /** Languages of the source's audio, the original first. */
    audio_languages: json<string[]>("audio_languages"),
    strategy: text("strategy", { enum: STRATEGIES }),
    download_rate: real("download_rate"),
    upload_rate: real("upload_rate"),
    extract_ms: integer("extract_ms"),
    download_ms: integer("download_ms"),
    mux_ms: integer("mux_ms"),
    upload_ms: integer("upload_ms"),
    precheck_ms: integer("precheck_ms"),
    subtitle_ms: integer("subtitle_ms"),
    file_move_ms: integer("file_move_ms"),
    io_wait_ms: integer("io_wait_ms"),
    cpu_wait_ms: integer("cpu_wait_ms"),
    upload_wait_ms: integer("upload_wait_ms"),
    /** Ways that all runs together tried, as far as they reported. */
    cascade_attempts: integer("cascade_attempts"),
    download_retries: integer("download_retries"),
    upload_retries: integer("upload_retries"),
    /** Tools of the run that delivered the file, or of the last one that failed. */
    tool_versions: json<ToolVersions>("tool_versions"),
    /** Further facts of the delivery, in one column for the sake of D1's limit. */
    details: json<JobDetails>("details"),

    /** Bytes of the account's storage quota that are held for the job while it is unfinished; null without a quota. */
    reserved_bytes: integer("reserved_bytes"),
    /** The delivered file is deleted after this; null outside the operator's bucket. */
    expires_at: time("expires_at"),

    /** W3C trace context of the request that created the job; null in rows of former versions. */
    traceparent: text("traceparent"),

    created_at: time("created_at").notNull(),
    /** First claim. */
    started_at: time("started_at"),
    finished_at: time("finished_at"),
  },
  (table) => [
    index("jobs_account").on(table.account_id, table.id),
    index("jobs_account_status").on(table.account_id, table.status, table.id),
    index("jobs_batch").on(table.batch_id, table.id).where(sql`batch_id is not null`),
    index("jobs_batch_order")
      .on(table.batch_id, table.batch_index, table.status, table.id)
      .where(sql`batch_id is not null`),
    index("jobs_held")
      .on(table.batch_id, table.batch_index)
      .where(sql`batch_id is not null and status = 'Pending' and due_at is null`),
    index("jobs_batch_flight")
      .on(table.batch_id, table.step, table.id)
      .where(
        sql`batch_id is not null and finished_at is null and (due_at is not null or status = 'Processing')`,
      ),
    index("jobs_batch_ends")
      .on(table.batch_id, table.end_index)
      .where(sql`batch_id is not null and end_index is not null`),
    // the queues of each account, single jobs and jobs of batches separately
    index("jobs_due_account")
      .on(table.account_id, sql`(batch_id is not null)`, table.due_at, table.id)
      .where(sql`status = 'Pending' and due_at is not null`),
    index("jobs_running").on(table.account_id).where(sql`status = 'Processing'`),
    index("jobs_due").on(table.due_at, table.id).where(sql`status = 'Pending'`),
    index("jobs_hint_due").on(table.enqueue_due_at).where(sql`status = 'Pending'`),
    index("jobs_lease").on(table.lease_expires_at).where(sql`status = 'Processing'`),
    index("jobs_links").on(table.links_expire_at).where(sql`links_expire_at is not null`),
    index("jobs_account_finished")
      .on(
        table.account_id,
        table.finished_at,
        table.status,
        table.file_size,
        table.started_at,
        table.created_at,
      )
      .where(sql`finished_at is not null`),
    index("jobs_unfinished")
      .on(table.account_id, table.key_id, table.reserved_bytes)
      .where(sql`finished_at is null`),
    index("jobs_expiry")
      .on(table.expires_at, table.id)
      .where(sql`expires_at is not null and object_key is not null`),
    index("jobs_sealing").on(table.sealing_key_id).where(sql`sealing_key_id is not null`),
    // files of the same folder and name, whatever their extension
    index("jobs_stem").on(table.account_id, table.object_stem).where(sql`object_key is not null`),
    index("jobs_leftover")
      .on(table.finished_at)
      .where(sql`upload_ref is not null and finished_at is not null`),
    index("jobs_recording")
      .on(table.finished_at)
      .where(sql`recording_key is not null and finished_at is not null`),
  ],
);

/**
 * The metadata of jobs, pair by pair, so that a list finds them. Triggers of the table of jobs write it (see the migration
 * that made it), with every statement that stores or removes a job.
 */
export const jobMetadata = sqliteTable(
  "job_metadata",
  {
    account_id: text("account_id").notNull(),
    key: text("key").notNull(),
    value: text("value").notNull(),
    job_id: text("job_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.key, table.value, table.job_id] }),
    index("job_metadata_job").on(table.job_id),
  ],
);

/** Inline storage of unfinished jobs, sealed with the job's id; erased by the write that makes the job final. */
export const jobCredentials = sqliteTable(
  "job_credentials",
  {
    job_id: text("job_id").primaryKey(),
    sealed: text("sealed").notNull(),
    key_id: text("key_id").notNull(),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    index("job_credentials_key").on(table.key_id),
    index("job_credentials_age").on(table.created_at),
  ],
);
