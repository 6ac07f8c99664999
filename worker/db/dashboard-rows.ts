import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import type { BatchStatus } from "../../schema/api/batch.ts";
import { MAX_COUNTED } from "../../schema/api/dashboard.ts";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { batches } from "../../schema/db/tables/batches.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { usage } from "../../schema/db/tables/usage.ts";
import type { Status } from "../../schema/states.ts";
import type { Db } from "./connection.ts";
import { isListing } from "./listings/listing-rows.ts";

/** Queries of the console. Every count has a limit or covers a limited time, and uses a covering index. */

/** Milliseconds. */
const DAY_MS = 24 * 60 * 60_000;

/** How jobs ended in a span of time. */
export interface EndedCounts {
  readonly completed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly delivered_bytes: number;
}

export interface PageOf {
  readonly limit: number;
  readonly offset: number;
}

const counted = (condition: SQL): SQL<number> =>
  sql<number>`(select count(*) from (select 1 from ${jobs} where ${condition} limit ${MAX_COUNTED}))`;

const withStatus = (accountId: string, status: Status): SQL<number> =>
  counted(sql`jobs.account_id = ${accountId} and jobs.status = ${status}`);

/** An account's figures; undefined if the account does not exist. */
export async function readStats(db: Db, accountId: string, now: number) {
  return (await statsQuery(db, accountId, now))[0];
}
export const statsQuery = (db: Db, accountId: string, now: number) => {
  const ended = sql`from ${jobs} where jobs.account_id = ${accountId}
    and jobs.status = 'Completed' and jobs.finished_at`;
  const usageOf = (column: "jobs" | "delivered_bytes") =>
    sql<number>`(select coalesce(sum(${sql.raw(column)}), 0) from ${usage} where usage.account_id = ${accountId})`;
  return db
    .select({
      name: accounts.name,
      pending: withStatus(accountId, "Pending"),
      processing: withStatus(accountId, "Processing"),
      completed: withStatus(accountId, "Completed"),
      failed: withStatus(accountId, "Failed"),
      warning: withStatus(accountId, "Warning"),
      skipped: withStatus(accountId, "Skipped"),
      endedJobs: usageOf("jobs"),
      deliveredBytes: usageOf("delivered_bytes"),
      processingMs: sql<
        number | null
      >`(select avg(jobs.finished_at - jobs.started_at) ${ended} >= ${now - DAY_MS})`,
      waitMs: sql<number | null>`(select avg(jobs.started_at - jobs.created_at) ${ended} >= ${now - DAY_MS})`,
      bytesToday: sql<number>`(select coalesce(sum(jobs.file_size), 0) ${ended} >= ${startOfDay(now)})`,
    })
    .from(accounts)
    .where(eq(accounts.id, accountId));
};

/** A page of an account's jobs in short form, newest first, and their number up to the counting limit. */
export async function listJobsInShort(db: Db, accountId: string, status: Status | undefined, page: PageOf) {
  const [rows, totals] = await db.batch([
    shortJobsQuery(db, accountId, status, page),
    jobTotalQuery(db, accountId, status),
  ]);
  return { rows, total: totals[0]?.total ?? 0 };
}
export const shortJobsQuery = (
  db: Db,
  accountId: string,
  status: Status | undefined,
  { limit, offset }: PageOf,
) =>
  db
    .select({
      id: jobs.id,
      url: jobs.url,
      status: jobs.status,
      step: jobs.step,
      progress: jobs.progress,
      title: jobs.title,
      error_code: jobs.error_code,
      details: jobs.details,
      s3_key: jobs.object_key,
      file_size: jobs.file_size,
      batch_id: jobs.batch_id,
      created_at: jobs.created_at,
      finished_at: jobs.finished_at,
    })
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), status === undefined ? undefined : eq(jobs.status, status)))
    .orderBy(desc(jobs.id))
    .limit(limit)
    .offset(offset);
export const jobTotalQuery = (db: Db, accountId: string, status: Status | undefined) =>
  db
    .select({
      total:
        status === undefined ? counted(sql`jobs.account_id = ${accountId}`) : withStatus(accountId, status),
    })
    .from(sql`(select 1)`);

/** A page of an account's batches with the counts of their jobs, newest first. */
export async function listBatchesInShort(db: Db, accountId: string, page: PageOf) {
  const [rows, totals] = await db.batch([batchesQuery(db, accountId, page), batchTotalQuery(db, accountId)]);
  return { rows, total: totals[0]?.total ?? 0 };
}
export const batchesQuery = (db: Db, accountId: string, { limit, offset }: PageOf) =>
  db
    .select({
      id: batches.id,
      kind: batches.kind,
      show_url: batches.show_url,
      title: batches.title,
      folder: batches.folder,
      status:
        sql<BatchStatus>`iif(batches.cancelled_at is null and ${isListing(sql`batches.id`)}, 'listing', batches.status)`.as(
          "status",
        ),
      total: batches.total,
      created_at: batches.created_at,
      finished_at: batches.finished_at,
      /** Jobs by status, as JSON. */
      counts: sql<string>`(select json_object('Completed', total(jobs.status = 'Completed'),
        'Failed', total(jobs.status = 'Failed'), 'Warning', total(jobs.status = 'Warning'),
        'Skipped', total(jobs.status = 'Skipped'), 'Processing', total(jobs.status = 'Processing'),
        'Pending', total(jobs.status = 'Pending'))
        from ${jobs} where jobs.batch_id = batches.id)`,
    })
    .from(batches)
    .where(eq(batches.account_id, accountId))
    .orderBy(desc(batches.id))
    .limit(limit)
    .offset(offset);
export const batchTotalQuery = (db: Db, accountId: string) =>
  db
    .select({
      total: sql<number>`(select count(*) from (select 1 from ${batches}
        where batches.account_id = ${accountId} limit ${MAX_COUNTED}))`,
    })
    .from(sql`(select 1)`);

/** How an account's jobs ended on each of the days that begin at these times. */
export async function readDays(db: Db, accountId: string, starts: readonly number[]): Promise<EndedCounts[]> {
  const rows = await daysQuery(db, accountId, starts);
  return rows.map(({ counts }) => JSON.parse(counts) as EndedCounts);
}
export const daysQuery = (db: Db, accountId: string, starts: readonly number[]) =>
  db
    .select({
      counts: sql<string>`(select json_object('completed', total(jobs.status = 'Completed'),
        'failed', total(jobs.status in ('Failed', 'Warning')), 'skipped', total(jobs.status = 'Skipped'),
        'delivered_bytes', total(iif(jobs.status = 'Completed', jobs.file_size, 0)))
        from ${jobs} where jobs.account_id = ${accountId}
        and jobs.finished_at >= json_each.value and jobs.finished_at < json_each.value + ${DAY_MS})`,
    })
    .from(sql`json_each(${JSON.stringify(starts)})`);

/** What an account's jobs are doing now. */
export async function readPresent(db: Db, accountId: string) {
  const [found] = await presentQuery(db, accountId);
  return found ?? { downloading: 0, muxing: 0, uploading: 0, pending: 0 };
}
export const presentQuery = (db: Db, accountId: string) => {
  const running = (step: string) =>
    counted(sql`jobs.account_id = ${accountId} and jobs.status = 'Processing' and jobs.step = ${step}`);
  return db
    .select({
      downloading: running("Downloading"),
      muxing: running("Muxing"),
      uploading: running("Uploading"),
      pending: withStatus(accountId, "Pending"),
    })
    .from(sql`(select 1)`);
};

/** Midnight before a time, UTC. */
const startOfDay = (time: number): number => time - (time % DAY_MS);
