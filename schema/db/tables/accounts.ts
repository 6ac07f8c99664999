import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { type Limits, type Scope, SOURCES } from "../../api/account.ts";
import { SLACK_LEVELS } from "../../api/slack.ts";
import { PROVIDERS } from "../../api/storage.ts";
import { id, json, time } from "./columns.ts";

export const accounts = sqliteTable(
  "accounts",
  {
    id: id(),
    name: text("name").notNull(),
    source: text("source", { enum: SOURCES }).notNull(),
    limits: json<Limits>("limits").notNull(),
    /** First segment of the account's keys in the managed bucket; null in rows of an older Worker, where it is the id. */
    storage_prefix: text("storage_prefix"),
    /** The caller's name at the marketplace's gateway; null for accounts that the operator made. @example "rapidapi:jane" */
    gateway_user: text("gateway_user").unique("accounts_gateway_user"),
    /** The caller's plan there; the limits change with it. */
    gateway_tier: text("gateway_tier"),
    /** Limits that the operator set for a caller of a gateway: they survive a change of plan. Null in rows of a former version. */
    own_limits: json<Limits>("own_limits"),
    /** Signs the account's webhook events, sealed with the account's id; null until it is first needed. */
    webhook_secret: text("webhook_secret"),
    /** The former secret, which also signs for a day after a rotation. */
    webhook_secret_before: text("webhook_secret_before"),
    webhook_secret_rotated_at: time("webhook_secret_rotated_at"),
    /** Identifies the account's Slack address without showing it; rows of former versions hold the address itself. */
    slack_url: text("slack_url"),
    /** The address, sealed with the account's id; null in rows of former versions. */
    sealed_slack_url: text("sealed_slack_url"),
    slack_level: text("slack_level", { enum: SLACK_LEVELS }),
    /** Day of the month on which a billing period begins; null without billing. */
    billing_day: integer("billing_day"),
    disabled_at: time("disabled_at"),
    /** When its old jobs, batches and audit entries were last removed. */
    swept_at: time("swept_at").notNull().default(0),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    uniqueIndex("accounts_storage_prefix").on(table.storage_prefix),
    index("accounts_swept").on(table.swept_at),
  ],
);

/** Callers' own storage: for each account the last one set. */
export const storageConfigs = sqliteTable(
  "storage_configs",
  {
    account_id: text("account_id")
      .primaryKey()
      .references(() => accounts.id),
    provider: text("provider", { enum: PROVIDERS }).notNull(),
    /** Bucket and endpoint in one text: to find out whether an object is in this storage. */
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
    /** Addresses and CIDR ranges that the key may be used from; null is everywhere. */
    allowed_ips: json<string[]>("allowed_ips"),
    /** The key stops working then; null is never. */
    expires_at: time("expires_at"),
    /** The key that replaced this one when it was rolled. */
    replaced_by: text("replaced_by"),
    revoked_at: time("revoked_at"),
  },
  (table) => [
    uniqueIndex("api_keys_sha256").on(table.sha256),
    index("api_keys_account").on(table.account_id, table.id),
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
    /** Null if it concerns no single account. */
    account_id: text("account_id").notNull(),
    /** What was changed, if it is not the account itself. */
    subject: text("subject"),
    /** What was changed; never a secret. */
    detail: json<Record<string, unknown>>("detail").notNull(),
    request_id: text("request_id"),
  },
  (table) => [index("audit_entries_account").on(table.account_id, table.id)],
);
