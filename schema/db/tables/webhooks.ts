import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { DELIVERY_KINDS, DELIVERY_STATUSES, WEBHOOK_EVENT_TYPES } from "../../api/webhook.ts";
import { id, time } from "./columns.ts";

/** Webhook deliveries and their state; the ids are UUIDv7, so that their order is the order of creation. */
export const webhookDeliveries = sqliteTable(
  "webhook_deliveries",
  {
    id: id(),
    /** Id of the webhook event, the same for all tries and replays. */
    event_id: text("event_id").notNull(),
    account_id: text("account_id").notNull(),
    job_id: text("job_id"),
    batch_id: text("batch_id"),
    kind: text("kind", { enum: DELIVERY_KINDS }).notNull(),
    type: text("type", { enum: WEBHOOK_EVENT_TYPES }).notNull(),
    /** Identifies the address without showing it; rows of former versions hold the address itself. */
    url: text("url").notNull(),
    /** The address, sealed with the account's id; null in rows of former versions. */
    sealed_url: text("sealed_url"),
    /** JSON; links of job_completed are signed at each try. */
    body: text("body").notNull(),
    status: text("status", { enum: DELIVERY_STATUSES }).notNull(),
    tries: integer("tries").notNull(),
    /** Pending: not tried before this; a try in progress postpones it. */
    next_try_at: time("next_try_at"),
    /** Pending: reconcile sends the dispatch message again after this. */
    enqueue_due_at: time("hint_due_at"),
    last_status: integer("last_status"),
    last_error: text("last_error"),
    last_response_ms: integer("last_response_ms"),
    delivered_at: time("delivered_at"),
    failed_at: time("failed_at"),
    replay_of: text("replay_of"),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    index("webhook_deliveries_due").on(table.enqueue_due_at).where(sql`status = 'pending'`),
    index("webhook_deliveries_account").on(table.account_id, table.id),
    index("webhook_deliveries_account_status").on(table.account_id, table.status, table.id),
    index("webhook_deliveries_job").on(table.job_id, table.id).where(sql`job_id is not null`),
  ],
);

/** Health of the addresses that webhook events are sent to. */
export const webhookEndpoints = sqliteTable(
  "webhook_endpoints",
  {
    account_id: text("account_id").notNull(),
    /** As in `webhook_deliveries`. */
    url: text("url").notNull(),
    sealed_url: text("sealed_url"),
    last_success_at: time("last_success_at"),
    last_failure_at: time("last_failure_at"),
    /** The first failure since the last success. */
    failing_since: time("failing_since"),
    disabled_at: time("disabled_at"),
    /** Number of consecutive tries without a response. */
    strikes: integer("strikes").notNull().default(0),
    /** Nothing is sent to it before this. */
    paused_until: time("paused_until"),
    /** It was slow the last time: it shares a few connections with other slow endpoints. */
    slow: integer("slow", { mode: "boolean" }).notNull().default(false),
  },
  (table) => [primaryKey({ columns: [table.account_id, table.url] })],
);
