import { sql } from "drizzle-orm";
import { index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import {
  type Backfill,
  ENTRY_STATUSES,
  type Filters,
  type Retention,
  type Schedule,
  SUBSCRIPTION_STATUSES,
} from "../../api/subscriptions/subscription.ts";
import { id, json, time } from "./columns.ts";

/** Sources that subscriptions follow. All subscriptions of one source share one row, regardless of their owners. */
export const feeds = sqliteTable(
  "feeds",
  {
    id: id(),
    /** Keyed tag of the source's address: finds the row without showing the address. */
    url_tag: text("url_tag").notNull(),
    /** Without passwords and tokens. */
    url: text("url").notNull(),
    /** The whole address, sealed with the feed's id. */
    sealed_url: text("sealed_url").notNull(),
    sealing_key_id: text("sealing_key_id").notNull(),
    /** How it is read: by the Worker as a document, or by a processor; null before the first successful reading. */
    kind: text("kind", { enum: ["document", "list"] }),
    title: text("title"),
    /** Validators of the last document, as the feed's object last saved them. */
    etag: text("etag"),
    last_modified: text("last_modified"),
    /** As the feed's object last saved it; the object itself knows better. */
    polled_at: time("polled_at"),
    /** When the source is read next, as the object last saved it; null while nobody follows it. */
    next_poll_at: time("next_poll_at"),
    /** Reconcile wakes the feed's object after this; null while nobody follows it. */
    check_due_at: time("check_due_at"),
    /** Set while several readings in a row have failed. */
    failing_since: time("failing_since"),
    /** Sentence for people. */
    last_error: text("last_error"),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    uniqueIndex("feeds_url").on(table.url_tag),
    index("feeds_check").on(table.check_due_at).where(sql`check_due_at is not null`),
    index("feeds_sealing").on(table.sealing_key_id),
  ],
);

/** Who follows what, and what is done with its entries. */
export const subscriptions = sqliteTable(
  "subscriptions",
  {
    id: id(),
    account_id: text("account_id").notNull(),
    /** The key of the request; its jobs count for this key. Null for callers of a gateway. */
    key_id: text("key_id"),
    feed_id: text("feed_id").notNull(),
    name: text("name"),
    status: text("status", { enum: SUBSCRIPTION_STATUSES }).notNull(),
    /** The source's address without passwords and tokens. */
    url: text("url").notNull(),
    /** Address, options of the jobs with credentials, and the token of the podcast feed, as JSON, sealed with the account's id. */
    sealed: text("sealed").notNull(),
    sealing_key_id: text("sealing_key_id").notNull(),
    /** Options of the jobs as they are shown: without storage, and with secrets in addresses hidden. */
    job: json<Record<string, unknown>>("job").notNull(),
    backfill: json<Backfill>("backfill").notNull(),
    filters: json<Filters>("filters").notNull(),
    schedule: json<Schedule>("schedule").notNull(),
    retention: json<Retention>("retention").notNull(),
    /** Templates. */
    filename: text("filename"),
    folder: text("folder"),
    /** Identifies the address of webhook events without showing it, as in `batches`. */
    webhook_url: text("webhook_url"),
    /** The address, sealed with the account's id. */
    sealed_webhook_url: text("sealed_webhook_url"),
    webhook_events: json<string[]>("webhook_events"),
    /** When the entries that the source had at the beginning were recorded; null until then. */
    primed_at: time("primed_at"),
    /** There are entries to admit after this; null if there are none. */
    admit_due_at: time("admit_due_at"),
    /** The oldest files are looked for after this; null without a retention rule. */
    sweep_due_at: time("sweep_due_at"),
    /** Set when the event `subscription_failing` was written; null after `subscription_recovered`. */
    failing_since: time("failing_since"),
    /** Why entries wait that are not admitted: a sentence for people. */
    last_error: text("last_error"),
    /** Number of the last entry that was admitted, for `{episode}`. */
    episodes: integer("episodes").notNull().default(0),
    created_at: time("created_at").notNull(),
    updated_at: time("updated_at").notNull(),
  },
  (table) => [
    index("subscriptions_account").on(table.account_id, table.id),
    index("subscriptions_feed").on(table.feed_id, table.status, table.id),
    index("subscriptions_unprimed").on(table.feed_id).where(sql`primed_at is null`),
    index("subscriptions_admit").on(table.admit_due_at).where(sql`admit_due_at is not null`),
    index("subscriptions_sweep").on(table.sweep_due_at).where(sql`sweep_due_at is not null`),
    index("subscriptions_sealing").on(table.sealing_key_id),
  ],
);

/** What is known of each entry of a subscription's source. The unique index is what delivers each entry once. */
export const subscriptionEntries = sqliteTable(
  "subscription_entries",
  {
    id: id(),
    subscription_id: text("subscription_id").notNull(),
    account_id: text("account_id").notNull(),
    /** Identity: hash of site and id, else of the feed's guid, else of the enclosure's address. */
    key: text("key").notNull(),
    status: text("status", { enum: ENTRY_STATUSES }).notNull(),
    /** The job that delivers it, chosen before it is created, so that it is created once. */
    job_id: text("job_id").notNull(),
    /** Position in the order in which entries are admitted: older entries first. */
    position: integer("position").notNull(),
    /** Without passwords and tokens. */
    url: text("url").notNull(),
    /** `url` and the address of the media, as JSON, sealed with the feed's id; null if nothing is hidden, and after the job was created. */
    sealed_urls: text("sealed_urls"),
    sealing_key_id: text("sealing_key_id"),
    media_url: text("media_url"),
    source_id: text("source_id"),
    title: text("title"),
    description: text("description"),
    channel: text("channel"),
    published_at: time("published_at"),
    /** Seconds. */
    duration: real("duration"),
    live: text("live", { enum: ["upcoming", "live", "was_live"] }),
    is_short: integer("is_short", { mode: "boolean" }),
    /** Why it waits, was filtered out or failed: an error code, or the name of a filter. */
    reason: text("reason"),
    /** Not admitted before this; null while the source has to change first. */
    check_at: time("check_at"),
    tries: integer("tries").notNull().default(0),
    /** The name of the file, which no other entry of the subscription may take. */
    name_key: text("name_key"),
    episode: integer("episode"),
    /** When its file was delivered. */
    delivered_at: time("delivered_at"),
    created_at: time("created_at").notNull(),
    updated_at: time("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("subscription_entries_key").on(table.subscription_id, table.key),
    index("subscription_entries_list").on(table.subscription_id, table.id),
    index("subscription_entries_status").on(table.subscription_id, table.status, table.position),
    index("subscription_entries_job").on(table.job_id),
    index("subscription_entries_name")
      .on(table.subscription_id, table.name_key)
      .where(sql`name_key is not null`),
    index("subscription_entries_delivered")
      .on(table.subscription_id, table.delivered_at)
      .where(sql`delivered_at is not null`),
    index("subscription_entries_sealing").on(table.sealing_key_id).where(sql`sealing_key_id is not null`),
  ],
);

/** Leases of WebSub hubs that push new entries. Each has a secret and an address of its own. */
export const feedLeases = sqliteTable(
  "feed_leases",
  {
    /** Part of the callback's address. */
    id: id(),
    feed_id: text("feed_id").notNull(),
    hub_url: text("hub_url").notNull(),
    topic: text("topic").notNull(),
    /** Signs what the hub pushes, sealed with the lease's id. */
    sealed_secret: text("sealed_secret").notNull(),
    sealing_key_id: text("sealing_key_id").notNull(),
    status: text("status", { enum: ["requested", "verified", "denied"] }).notNull(),
    requested_at: time("requested_at").notNull(),
    expires_at: time("expires_at").notNull(),
  },
  (table) => [
    index("feed_leases_feed").on(table.feed_id, table.expires_at),
    index("feed_leases_expiry").on(table.expires_at),
    index("feed_leases_sealing").on(table.sealing_key_id),
  ],
);
