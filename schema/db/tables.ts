import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Limits } from "../api/account.ts";
import { type Scope, SOURCES } from "../api/account.ts";
import { BATCH_KINDS, BATCH_STATUSES } from "../api/batch.ts";
import { STRATEGIES } from "../api/job.ts";
import { SLACK_LEVELS } from "../api/slack.ts";
import { PROVIDERS, STORAGE_SOURCES } from "../api/storage.ts";
import { DELIVERY_KINDS, DELIVERY_STATUSES, NOTICE_TYPES } from "../api/webhook.ts";
import type { JobErrorCode } from "../errors.ts";
import type { Adjustment, MediaPlan } from "../media.ts";
import { STATUSES, STEPS } from "../states.ts";
import type { ToolVersions } from "../tool-versions.ts";

/** The tables of D1. Times are epoch milliseconds, sizes bytes, rates bytes per second. Migrations expand first and contract later. */

const id = () => text("id").primaryKey();
const time = (name: string) => integer(name);
const json = <T>(name: string) => text(name, { mode: "json" }).$type<T>();

export const accounts = sqliteTable("accounts", {
  id: id(),
  name: text("name").notNull(),
  source: text("source", { enum: SOURCES }).notNull(),
  limits: json<Limits>("limits").notNull(),
  /** The caller's name at the marketplace's gateway; null for accounts that the operator made. @example "rapidapi:jane" */
  gateway_user: text("gateway_user").unique("accounts_gateway_user"),
  /** What the caller pays for there; the limits follow when it changes. */
  gateway_tier: text("gateway_tier"),
  /** Signs the account's webhook events, sealed with the account's id; null until it is first needed. */
  webhook_secret: text("webhook_secret"),
  /** The one before, which signs too for a day after a rotation. */
  webhook_secret_before: text("webhook_secret_before"),
  webhook_secret_rotated_at: time("webhook_secret_rotated_at"),
  slack_url: text("slack_url"),
  slack_level: text("slack_level", { enum: SLACK_LEVELS }),
  disabled_at: time("disabled_at"),
  created_at: time("created_at").notNull(),
});

/** Callers' own storage, one for each account: the last one set. */
export const storageConfigs = sqliteTable(
  "storage_configs",
  {
    account_id: text("account_id")
      .primaryKey()
      .references(() => accounts.id),
    provider: text("provider", { enum: PROVIDERS }).notNull(),
    /** Bucket and endpoint in one text: says whether an object lies in this storage. */
    place: text("place").notNull(),
    bucket: text("bucket").notNull(),
    endpoint: text("endpoint"),
    region: text("region"),
    folder_prefix: text("folder_prefix"),
    base_folder: text("base_folder").notNull(),
    /** The last four characters of the access key or account name, behind asterisks. */
    access_key_masked: text("access_key_masked").notNull(),
    /** The whole configuration, sealed with the account's id. */
    sealed: text("sealed").notNull(),
    key_id: text("key_id").notNull(),
    updated_at: time("updated_at").notNull(),
  },
  (table) => [index("storage_configs_key").on(table.key_id)],
);

export const apiKeys = sqliteTable(
  "api_keys",
  {
    id: id(),
    account_id: text("account_id")
      .notNull()
      .references(() => accounts.id),
    name: text("name").notNull(),
    /** Hex SHA-256 of the whole key; the key itself is never stored. */
    sha256: text("sha256").notNull(),
    prefix: text("prefix").notNull(),
    last4: text("last4").notNull(),
    created_at: time("created_at").notNull(),
    /** What the key may do; null is everything. */
    scopes: json<Scope[]>("scopes"),
    /** The key stops working then; null is never. */
    expires_at: time("expires_at"),
    /** The key that was made in this one's place, when it was rolled. */
    replaced_by: text("replaced_by"),
    revoked_at: time("revoked_at"),
  },
  (table) => [
    uniqueIndex("api_keys_sha256").on(table.sha256),
    index("api_keys_account").on(table.account_id, table.id),
  ],
);

export const jobs = sqliteTable(
  "jobs",
  {
    id: id(),
    account_id: text("account_id").notNull(),
    /** The key that asked; null for callers of a gateway. */
    key_id: text("key_id"),
    batch_id: text("batch_id"),
    /** Place in the batch, in the source's order; from 0. */
    batch_index: integer("batch_index"),
    /** Place among the ends of the batch's jobs: grows with each end, from 1. */
    end_index: integer("end_index"),
    original_job_id: text("original_job_id"),

    // what was asked
    url: text("url").notNull(),
    /** What is fetched in its place, where the URL itself holds no media: the open enclosure of a Spotify episode. */
    media_url: text("media_url"),
    /** Known members of the request as the caller sent them, without `storage`. */
    request: json<Record<string, unknown>>("request").notNull(),
    /** Name that the batch gave its file, which wins over the request's, so that no two overwrite each other. */
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
    /** Claims that no processor took; told apart so that `attempt - refusals` is what a caller understands. */
    refusals: integer("refusals").notNull(),
    interruptions: integer("interruptions").notNull(),
    failures: integer("failures").notNull(),
    publishing: integer("publishing", { mode: "boolean" }).notNull(),
    /** Raised by every change that a watcher should see; the event id of the job's stream. */
    revision: integer("revision").notNull(),
    error_code: text("error_code").$type<JobErrorCode>(),

    // the claim
    /** Pending: not to be run before this; null while its batch holds it back. */
    due_at: time("due_at"),
    /** Pending: reconcile sends the dispatch message again after this. */
    hint_due_at: time("hint_due_at"),
    claimed_at: time("claimed_at"),
    lease_expires_at: time("lease_expires_at"),
    /** The processor instance that the claim was handed to. */
    runner: text("runner"),
    /** Unfinished upload in the storage, to be aborted by a successor. */
    upload_key: text("upload_key"),
    upload_ref: text("upload_ref"),
    /** Where the pieces of a recording lie until it is delivered or nothing of it is wanted any more. */
    recording_key: text("recording_key"),

    // the result
    object_key: text("object_key"),
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
    /** Where a clip really lies in its source, in seconds. */
    clip_start: real("clip_start"),
    clip_duration: real("clip_duration"),
    title: text("title"),
    description: text("description"),
    release_date: text("release_date"),
    native_video_codec: text("native_video_codec"),
    native_audio_codec: text("native_audio_codec"),
    actual_quality: text("actual_quality"),
    strategy: text("strategy", { enum: STRATEGIES }),
    download_rate: real("download_rate"),
    upload_rate: real("upload_rate"),
    extract_ms: integer("extract_ms"),
    download_ms: integer("download_ms"),
    mux_ms: integer("mux_ms"),
    upload_ms: integer("upload_ms"),
    download_retries: integer("download_retries"),
    upload_retries: integer("upload_retries"),
    /** Of the run that delivered. */
    tool_versions: json<ToolVersions>("tool_versions"),

    /** Bytes of the account's storage quota that are held for the job while it is unfinished; null without a quota. */
    reserved_bytes: integer("reserved_bytes"),
    /** The delivered file is deleted after this; null outside the operator's bucket. */
    expires_at: time("expires_at"),

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
    // the lines of each account, single jobs and those of batches apart
    index("jobs_due_account")
      .on(table.account_id, sql`(batch_id is not null)`, table.due_at, table.id)
      .where(sql`status = 'Pending' and due_at is not null`),
    index("jobs_running").on(table.account_id).where(sql`status = 'Processing'`),
    index("jobs_due").on(table.due_at, table.id).where(sql`status = 'Pending'`),
    index("jobs_hint_due").on(table.hint_due_at).where(sql`status = 'Pending'`),
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
    index("jobs_object").on(table.object_key, table.expires_at).where(sql`object_key is not null`),
    index("jobs_leftover")
      .on(table.finished_at)
      .where(sql`upload_ref is not null and finished_at is not null`),
    index("jobs_recording")
      .on(table.finished_at)
      .where(sql`recording_key is not null and finished_at is not null`),
  ],
);

/** Shows, playlists and bulk requests; what is true of their jobs stands in the jobs. */
export const batches = sqliteTable(
  "batches",
  {
    id: id(),
    account_id: text("account_id").notNull(),
    key_id: text("key_id"),
    kind: text("kind", { enum: BATCH_KINDS }).notNull(),
    /** The list's own URL; null for a bulk request. */
    show_url: text("show_url"),
    title: text("title"),
    folder: text("folder"),
    webhook_url: text("webhook_url"),
    status: text("status", { enum: BATCH_STATUSES }).notNull(),
    /** Jobs that belong to it. */
    total: integer("total").notNull(),
    /** Raised by each renaming, so that two at once do not give one name twice. */
    revision: integer("revision").notNull().default(0),
    cancelled_at: time("cancelled_at"),
    /** Unfinished: reconcile wakes the batch's object after this; null while it is paused. */
    check_due_at: time("check_due_at"),
    created_at: time("created_at").notNull(),
    started_at: time("started_at"),
    finished_at: time("finished_at"),
  },
  (table) => [
    index("batches_account").on(table.account_id, table.id),
    index("batches_account_status").on(table.account_id, table.status, table.id),
    index("batches_check").on(table.check_due_at).where(sql`finished_at is null`),
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

/** Webhook deliveries and their state; the ids are UUIDv7, so that their order is the order of creation. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    id: id(),
    /** The webhook event's own id, the same over all tries and replays. */
    event_id: text("event_id").notNull(),
    account_id: text("account_id").notNull(),
    job_id: text("job_id"),
    batch_id: text("batch_id"),
    kind: text("kind", { enum: DELIVERY_KINDS }).notNull(),
    type: text("type", { enum: NOTICE_TYPES }).notNull(),
    url: text("url").notNull(),
    /** JSON; links of job_completed are signed at each try. */
    body: text("body").notNull(),
    status: text("status", { enum: DELIVERY_STATUSES }).notNull(),
    tries: integer("tries").notNull(),
    /** Pending: not to be tried before this; a try that is being made puts it off. */
    next_try_at: time("next_try_at"),
    /** Pending: reconcile sends the dispatch message again after this. */
    hint_due_at: time("hint_due_at"),
    last_status: integer("last_status"),
    last_error: text("last_error"),
    last_response_ms: integer("last_response_ms"),
    delivered_at: time("delivered_at"),
    failed_at: time("failed_at"),
    replay_of: text("replay_of"),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    index("webhook_deliveries_due").on(table.hint_due_at).where(sql`status = 'pending'`),
    index("webhook_deliveries_account").on(table.account_id, table.id),
    index("webhook_deliveries_account_status").on(table.account_id, table.status, table.id),
    index("webhook_deliveries_job").on(table.job_id, table.id).where(sql`job_id is not null`),
  ],
);

/** What is known of the addresses that webhook events go to. */
export const webhookEndpoints = sqliteTable(
  "webhook_endpoints",
  {
    account_id: text("account_id").notNull(),
    url: text("url").notNull(),
    last_success_at: time("last_success_at"),
    last_failure_at: time("last_failure_at"),
    /** The first failure since the last success. */
    failing_since: time("failing_since"),
    disabled_at: time("disabled_at"),
  },
  (table) => [primaryKey({ columns: [table.account_id, table.url] })],
);

/** Requests that must not be executed twice. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    account_id: text("account_id").notNull(),
    /** Method and path. */
    route: text("route").notNull(),
    key: text("key").notNull(),
    /** Hex SHA-256 of the body without the storage's secrets. */
    fingerprint: text("fingerprint").notNull(),
    /** The id of what the request creates, chosen before the work: anyone who takes a claim over creates nothing else. */
    resource_id: text("resource_id").notNull(),
    /** Until then the claim's owner is believed to be at work. */
    lease_until: time("lease_until").notNull(),
    /** Null while the request is being executed. */
    status: integer("status"),
    body: json<Record<string, unknown>>("body"),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.route, table.key] }),
    index("idempotency_keys_age").on(table.created_at),
  ],
);

/** What ended in a month, per account; what is unfinished is counted from the jobs themselves. */
export const usage = sqliteTable(
  "usage",
  {
    account_id: text("account_id").notNull(),
    /** UTC. @example "2026-11" */
    month: text("month").notNull(),
    jobs: integer("jobs").notNull(),
    delivered_bytes: integer("delivered_bytes").notNull(),
    /** When the last job ended, each end counted as later than the one before: decides whose turn it is. */
    last_end_at: time("last_end_at"),
  },
  (table) => [primaryKey({ columns: [table.account_id, table.month] })],
);

/** What ended in a month, per key. */
export const keyUsage = sqliteTable(
  "key_usage",
  {
    key_id: text("key_id").notNull(),
    /** UTC. @example "2026-11" */
    month: text("month").notNull(),
    account_id: text("account_id").notNull(),
    jobs: integer("jobs").notNull(),
    delivered_bytes: integer("delivered_bytes").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.key_id, table.month] }),
    index("key_usage_account").on(table.account_id, table.month),
  ],
);

/** Who changed what in accounts, keys and secrets; ids are UUIDv7, so that their order is the order of time. */
export const auditEntries = sqliteTable(
  "audit_entries",
  {
    id: id(),
    at: time("at").notNull(),
    /** `operator`, or the id of the key that called. */
    actor: text("actor").notNull(),
    /** @example "key.revoked" */
    action: text("action").notNull(),
    /** Empty for what concerns no single account. */
    account_id: text("account_id").notNull(),
    /** What was acted on, when it is not the account itself. */
    subject: text("subject"),
    /** What was changed; never a secret. */
    detail: json<Record<string, unknown>>("detail").notNull(),
    request_id: text("request_id"),
  },
  (table) => [index("audit_entries_account").on(table.account_id, table.id)],
);

/** Sources that asked to be left alone. A row without a new strike for a day says nothing any more. */
export const sourceBackoff = sqliteTable("source_backoff", {
  /** As in the jobs' URLs, without a port. */
  host: text("host").primaryKey(),
  /** Times in a row that the source refused after it had been left alone. */
  strikes: integer("strikes").notNull(),
  /** Nothing is asked of it before this. */
  until: time("until").notNull(),
});
