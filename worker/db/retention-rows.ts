import { and, asc, eq, isNotNull, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import { accounts, auditEntries } from "../../schema/db/tables/accounts.ts";
import { batches, batchListings } from "../../schema/db/tables/batches.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../schema/db/tables/reuse.ts";
import { jobCounts } from "../../schema/db/tables/usage.ts";
import { webhookDeliveries } from "../../schema/db/tables/webhooks.ts";
import { firstUuidOf } from "../lib/uuid.ts";
import type { Db } from "./connection.ts";

/** What is too old to be kept: jobs, batches and audit entries of one account at a time, found by its indexes. */

/** Accounts that were not swept since a time, the longest ago first. */
export const dueAccountsQuery = (db: Db, sweptBefore: number, limit: number) =>
  db
    .select({ id: accounts.id, limits: accounts.limits })
    .from(accounts)
    .where(lte(accounts.swept_at, sweptBefore))
    .orderBy(asc(accounts.swept_at))
    .limit(limit);

export async function noteSwept(db: Db, accountId: string, now: number): Promise<void> {
  await db.update(accounts).set({ swept_at: now }).where(eq(accounts.id, accountId));
}

/** Old rows of an account. */
export interface OldRows {
  readonly accountId: string;
  /** They ended before this. */
  readonly before: number;
  readonly limit: number;
}

/** Batches that ended long ago. Their jobs are removed after them. */
export const oldBatchesQuery = (db: Db, { accountId, before, limit }: OldRows) =>
  db
    .select()
    .from(batches)
    .where(
      and(eq(batches.account_id, accountId), isNotNull(batches.finished_at), lt(batches.finished_at, before)),
    )
    .orderBy(asc(batches.finished_at))
    .limit(limit);

/** Where a page of old jobs begins: at this end. */
export interface OldJobs extends OldRows {
  readonly from: number;
}

const isOld = ({ accountId, from, before }: OldJobs): SQL | undefined =>
  and(
    eq(jobs.account_id, accountId),
    isNotNull(jobs.finished_at),
    sql`${jobs.finished_at} >= ${from}`,
    lt(jobs.finished_at, before),
  );

/**
 * Jobs that ended long ago and that nothing hangs on any more: no file or piece in a storage that only they name, no
 * event that is still to be delivered, and no batch that still reports them.
 */
export const oldJobsQuery = (db: Db, page: OldJobs) =>
  db
    .select()
    .from(jobs)
    .where(
      and(
        isOld(page),
        sql`not (${jobs.expires_at} is not null and ${jobs.object_key} is not null)`,
        isNull(jobs.upload_ref),
        isNull(jobs.recording_key),
        sql`not exists (select 1 from ${batches} where ${batches.id} = ${jobs.batch_id})`,
        sql`not exists (select 1 from ${webhookDeliveries}
          where ${webhookDeliveries.job_id} = ${jobs.id} and ${webhookDeliveries.status} = 'pending')`,
      ),
    )
    .orderBy(asc(jobs.finished_at))
    .limit(page.limit);

/** Old jobs that still name something unfinished in a storage. */
export const oldRemainsQuery = (db: Db, page: OldJobs) =>
  db
    .select()
    .from(jobs)
    .where(and(isOld(page), sql`(${jobs.upload_ref} is not null or ${jobs.recording_key} is not null)`))
    .orderBy(asc(jobs.finished_at))
    .limit(page.limit);

/** An old job names nothing in a storage any more: what is left there is the storage's own rules' to remove. */
export async function clearRemains(db: Db, id: string): Promise<void> {
  await db
    .update(jobs)
    .set({ upload_key: null, upload_ref: null, recording_key: null })
    .where(and(eq(jobs.id, id), isNotNull(jobs.finished_at)));
}

export const oldAuditQuery = (db: Db, { accountId, before, limit }: OldRows) =>
  db
    .select()
    .from(auditEntries)
    .where(and(eq(auditEntries.account_id, accountId), lt(auditEntries.id, firstUuidOf(before))))
    .orderBy(asc(auditEntries.id))
    .limit(limit);

const ids = (rows: readonly { readonly id: string }[]): SQL =>
  sql`(select value from json_each(${JSON.stringify(rows.map(({ id }) => id))}))`;

export const removeJobsQuery = (db: Db, rows: readonly { readonly id: string }[]) =>
  db.delete(jobs).where(and(sql`${jobs.id} in ${ids(rows)}`, isNotNull(jobs.finished_at)));

/** What is known about the media of jobs; removed together with them. */
export const removeMediaQuery = (db: Db, rows: readonly { readonly id: string }[]) =>
  db.delete(jobMedia).where(sql`${jobMedia.job_id} in ${ids(rows)}`);

export const removeBatchesQuery = (db: Db, rows: readonly { readonly id: string }[]) =>
  db.delete(batches).where(and(sql`${batches.id} in ${ids(rows)}`, isNotNull(batches.finished_at)));

/** How far their lists were read; removed together with them. */
export const removeListingsQuery = (db: Db, rows: readonly { readonly id: string }[]) =>
  db.delete(batchListings).where(sql`${batchListings.batch_id} in ${ids(rows)}`);

export const removeAuditQuery = (db: Db, rows: readonly { readonly id: string }[]) =>
  db.delete(auditEntries).where(sql`${auditEntries.id} in ${ids(rows)}`);

/** How many ended jobs are stored, by status, of all accounts. */
export const endedCountsQuery = (db: Db) =>
  db
    .select({ status: jobCounts.status, jobs: sql<number>`sum(${jobCounts.jobs})` })
    .from(jobCounts)
    .groupBy(jobCounts.status);
