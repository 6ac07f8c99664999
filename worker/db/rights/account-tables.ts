import { sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { ERASED_KINDS, KEPT_KINDS } from "../../../schema/api/operator/erasure.ts";
import { apiKeys, auditEntries, storageConfigs } from "../../../schema/db/tables/accounts.ts";
import { batches, batchListings } from "../../../schema/db/tables/batches.ts";
import { cookieJars } from "../../../schema/db/tables/cookies.ts";
import { idempotencyKeys } from "../../../schema/db/tables/idempotency.ts";
import { jobMetadata } from "../../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../../schema/db/tables/reuse.ts";
import { subscriptionEntries, subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import { jobCounts, keyUsage, usage } from "../../../schema/db/tables/usage.ts";
import { webhookDeliveries, webhookEndpoints } from "../../../schema/db/tables/webhooks.ts";

/**
 * Where rows of accounts are. A new table is added here, or to the tables without accounts in
 * `test/worker/erasure.test.ts`, which compares both with the schema.
 */

interface Owned {
  readonly table: SQLiteTable;
  readonly owner: SQLiteColumn;
}

/** Removed page by page, in this order. Jobs, credentials of jobs and the account itself are removed by steps of their own. */
export const ACCOUNT_TABLES = {
  subscription_entries: {
    table: subscriptionEntries,
    owner: subscriptionEntries.account_id,
    kind: "subscription_entries",
  },
  subscriptions: { table: subscriptions, owner: subscriptions.account_id, kind: "subscriptions" },
  batch_listings: { table: batchListings, owner: batchListings.account_id, kind: "batch_listings" },
  batches: { table: batches, owner: batches.account_id, kind: "batches" },
  webhook_deliveries: {
    table: webhookDeliveries,
    owner: webhookDeliveries.account_id,
    kind: "webhook_deliveries",
  },
  webhook_endpoints: {
    table: webhookEndpoints,
    owner: webhookEndpoints.account_id,
    kind: "webhook_endpoints",
  },
  idempotency_keys: {
    table: idempotencyKeys,
    owner: idempotencyKeys.account_id,
    kind: "idempotency_keys",
  },
  job_metadata: { table: jobMetadata, owner: jobMetadata.account_id, kind: "job_metadata" },
  job_media: { table: jobMedia, owner: jobMedia.account_id, kind: "job_media" },
  job_counts: { table: jobCounts, owner: jobCounts.account_id, kind: "job_counts" },
  key_usage: { table: keyUsage, owner: keyUsage.account_id, kind: "key_usage" },
  api_keys: { table: apiKeys, owner: apiKeys.account_id, kind: "api_keys" },
  storage_configs: {
    table: storageConfigs,
    owner: storageConfigs.account_id,
    kind: "storage_credentials",
  },
  cookie_jars: { table: cookieJars, owner: cookieJars.owner, kind: "cookie_jars" },
} as const satisfies Record<string, Owned & { readonly kind: (typeof ERASED_KINDS)[number] }>;

/** Kept with the erasure's id in place of the account's, and without these columns. */
export const KEPT_TABLES = {
  usage: {
    table: usage,
    owner: usage.account_id,
    kind: "usage_months",
    without: { last_end_at: null },
  },
  audit_entries: {
    table: auditEntries,
    owner: auditEntries.account_id,
    kind: "audit_entries",
    without: {
      actor: sql`iif(${auditEntries.actor} = 'operator', 'operator', 'account')`,
      subject: null,
      detail: sql`'{}'`,
      request_id: null,
    },
  },
} as const satisfies Record<
  string,
  Owned & { readonly kind: (typeof KEPT_KINDS)[number]; readonly without: object }
>;
