import { and, eq, isNotNull, isNull, ne, not, or, sql } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { batches } from "../../schema/db/tables/batches.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { webhookDeliveries, webhookEndpoints } from "../../schema/db/tables/webhooks.ts";
import type { BatchRow, NewBatchRow } from "./batch-rows.ts";
import type { Db } from "./connection.ts";
import type { DeliveryRow, EndpointRow, NewDeliveryRow } from "./delivery-rows.ts";
import { startsWith } from "./fragments.ts";
import type { JobRow, NewJobRow } from "./job-rows.ts";

/** URLs that must be sealed with the newest key, or that a former version stored in clear. */

/** Jobs whose URLs were sealed with another key. */
export const jobsToResealQuery = (db: Db, keyId: string, limit: number) =>
  db
    .select({
      id: jobs.id,
      account_id: jobs.account_id,
      url: jobs.url,
      media_url: jobs.media_url,
      request: jobs.request,
      sealed_urls: jobs.sealed_urls,
      sealed_webhook_url: jobs.sealed_webhook_url,
      sealing_key_id: jobs.sealing_key_id,
    })
    .from(jobs)
    .where(and(sql`${jobs.sealing_key_id} is not null`, ne(jobs.sealing_key_id, keyId)))
    .limit(limit);

export const replaceJobUrls = (
  db: Db,
  { id, sealing_key_id }: Pick<JobRow, "id" | "sealing_key_id">,
  changes: Partial<NewJobRow>,
) =>
  db
    .update(jobs)
    .set(changes)
    .where(and(eq(jobs.id, id), sql`${jobs.sealing_key_id} is ${sealing_key_id}`));

/** Batches whose URLs were sealed with another key. */
export const batchesToResealQuery = (db: Db, keyId: string, limit: number) =>
  db
    .select()
    .from(batches)
    .where(and(sql`${batches.sealing_key_id} is not null`, ne(batches.sealing_key_id, keyId)))
    .limit(limit);

export const replaceBatchUrls = (
  db: Db,
  { id, sealing_key_id }: Pick<BatchRow, "id" | "sealing_key_id">,
  changes: Partial<NewBatchRow>,
) =>
  db
    .update(batches)
    .set(changes)
    .where(and(eq(batches.id, id), sql`${batches.sealing_key_id} is ${sealing_key_id}`));

const isOlder = (sealed: SQLiteColumn, prefix: string) => or(isNull(sealed), not(startsWith(sealed, prefix)));

/** Accounts whose Slack address was not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const slackToResealQuery = (db: Db, prefix: string, limit: number) =>
  db
    .select({ id: accounts.id, slack_url: accounts.slack_url, sealed_slack_url: accounts.sealed_slack_url })
    .from(accounts)
    .where(and(isNotNull(accounts.slack_url), isOlder(accounts.sealed_slack_url, prefix)))
    .limit(limit);

export const replaceSlackUrl = (
  db: Db,
  { id, slack_url }: { readonly id: string; readonly slack_url: string },
  after: { readonly name: string; readonly sealed: string },
) =>
  db
    .update(accounts)
    .set({ slack_url: after.name, sealed_slack_url: after.sealed })
    .where(and(eq(accounts.id, id), eq(accounts.slack_url, slack_url)));

/** Deliveries whose address was not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const deliveriesToResealQuery = (db: Db, prefix: string, limit: number) =>
  db.select().from(webhookDeliveries).where(isOlder(webhookDeliveries.sealed_url, prefix)).limit(limit);

export const replaceDeliveryUrl = (
  db: Db,
  { id, url }: Pick<DeliveryRow, "id" | "url">,
  changes: Partial<NewDeliveryRow>,
) =>
  db
    .update(webhookDeliveries)
    .set(changes)
    .where(and(eq(webhookDeliveries.id, id), eq(webhookDeliveries.url, url)));

/** Endpoints whose address was not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const endpointsToResealQuery = (db: Db, prefix: string, limit: number) =>
  db.select().from(webhookEndpoints).where(isOlder(webhookEndpoints.sealed_url, prefix)).limit(limit);

/** Two statements: an existing row with the new name takes precedence over the row with the former name. */
export const replaceEndpoint = (db: Db, before: EndpointRow, after: EndpointRow) => {
  const isBefore = and(
    eq(webhookEndpoints.account_id, before.account_id),
    eq(webhookEndpoints.url, before.url),
  );
  if (before.url === after.url) {
    return [db.update(webhookEndpoints).set({ sealed_url: after.sealed_url }).where(isBefore)];
  }
  return [
    db.insert(webhookEndpoints).values(after).onConflictDoNothing(),
    db.delete(webhookEndpoints).where(isBefore),
  ];
};
