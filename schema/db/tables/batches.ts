import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { BATCH_KINDS, BATCH_STATES } from "../../api/batch.ts";
import type { Metadata } from "../../api/metadata.ts";
import { id, json, time } from "./columns.ts";

/** Shows, playlists and bulk requests; the state of their jobs is stored in the jobs. */
export const batches = sqliteTable(
  "batches",
  {
    id: id(),
    account_id: text("account_id").notNull(),
    key_id: text("key_id"),
    kind: text("kind", { enum: BATCH_KINDS }).notNull(),
    /** The list's own URL, without passwords and tokens; null for a bulk request. */
    show_url: text("show_url"),
    /** The whole URL, sealed with the account's id; null if `source_url` hides nothing. */
    sealed_show_url: text("sealed_show_url"),
    title: text("title"),
    folder: text("folder"),
    /** As it was sent; the jobs hold it, too. */
    metadata: json<Metadata>("metadata"),
    /** Types of webhook events that were asked for; null is all. */
    webhook_events: json<string[]>("webhook_events"),
    /** Identifies the address without showing it; rows of former versions hold the address itself. */
    webhook_url: text("webhook_url"),
    /** The address, sealed with the account's id. */
    sealed_webhook_url: text("sealed_webhook_url"),
    /** As in `jobs`. */
    sealing_key_id: text("sealing_key_id"),
    status: text("status", { enum: BATCH_STATES }).notNull(),
    /** Jobs that belong to it. */
    total: integer("total").notNull(),
    /** Raised by each renaming, so that two concurrent ones do not assign the same name. */
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
    index("batches_sealing").on(table.sealing_key_id).where(sql`sealing_key_id is not null`),
    index("batches_ended").on(table.account_id, table.finished_at).where(sql`finished_at is not null`),
    index("batches_check").on(table.check_due_at).where(sql`finished_at is null`),
  ],
);

/** Lists that are too long for one request: how far each was read. Batches of shorter lists have no row. */
export const batchListings = sqliteTable(
  "batch_listings",
  {
    batch_id: text("batch_id").primaryKey(),
    account_id: text("account_id").notNull(),
    /** Address of the list and options of its jobs with credentials, as JSON, sealed with the account's id; null after the end. */
    sealed: text("sealed"),
    sealing_key_id: text("sealing_key_id"),
    /** Entries of the response to the creation. */
    first: integer("first").notNull(),
    /** Entries at the beginning of the list that have their jobs. */
    position: integer("position").notNull(),
    /** Replaced by each write: of two readers, only one goes on. */
    fence: text("fence").notNull(),
    /** The identities of all entries that have a job; null after the end. */
    known: text("known"),
    /** Not read on before this; null after the end. */
    due_at: time("due_at"),
    /** Readings in a row that failed without a new entry. */
    failures: integer("failures").notNull(),
    /** Why the last reading failed: a sentence for people. */
    error: text("error"),
    /** Null while it is being read. */
    outcome: text("outcome", { enum: ["complete", "failed", "cancelled"] }),
  },
  (table) => [
    index("batch_listings_sealing").on(table.sealing_key_id).where(sql`sealing_key_id is not null`),
  ],
);
