import {
  and,
  asc,
  count,
  eq,
  gte,
  isNotNull,
  isNull,
  lt,
  type Placeholder,
  type SQL,
  sql,
  sum,
} from "drizzle-orm";
import { apiKeys } from "../../schema/db/tables/accounts.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { keyUsage, usage } from "../../schema/db/tables/usage.ts";
import type { Db } from "./connection.ts";
import type { Guard, GuardedSetStatement, GuardedStatement } from "./guarded-statements.ts";

/**
 * Usage of accounts and their keys. The move that ends a job counts it in its month. Unfinished jobs are counted from
 * the jobs table, so that no reservation has to be released and the sum is always exact.
 */

/** An account's allowance; null is unlimited, and at least one limit is set. */
export interface Allowance {
  readonly accountId: string;
  /** UTC. @example "2026-11" */
  readonly month: string;
  /** Maximum number of unfinished jobs; jobs that are held back do not count. */
  readonly maxConcurrent: number | null;
  readonly quota: {
    readonly bytes: number;
    /** Largest reservation for a job. */
    readonly bytesPerJob: number;
  } | null;
}

/** Counts a job in the month in which it ended, together with the move that ends it. @param endedAt epoch milliseconds */
export const settleUsage =
  (accountId: string, month: string, deliveredBytes: number, endedAt: number): GuardedStatement =>
  (db, guard) =>
    db
      .insert(usage)
      .select(sql`select ${accountId}, ${month}, 1, ${deliveredBytes}, ${endedAt} where ${guard}`)
      .onConflictDoUpdate({
        target: [usage.account_id, usage.month],
        set: {
          jobs: sql`${usage.jobs} + 1`,
          delivered_bytes: sql`${usage.delivered_bytes} + ${deliveredBytes}`,
          last_end_at: sql`max(${endedAt}, coalesce(${usage.last_end_at}, 0) + 1)`,
        },
      });

/** Counts a job in its key's month, in the same way. */
export const settleKeyUsage =
  (accountId: string, keyId: string, month: string, deliveredBytes: number): GuardedStatement =>
  (db, guard) =>
    db
      .insert(keyUsage)
      .select(sql`select ${keyId}, ${month}, ${accountId}, 1, ${deliveredBytes} where ${guard}`)
      .onConflictDoUpdate({
        target: [keyUsage.key_id, keyUsage.month],
        set: {
          jobs: sql`${keyUsage.jobs} + 1`,
          delivered_bytes: sql`${keyUsage.delivered_bytes} + ${deliveredBytes}`,
        },
      });

/** Counts many jobs of an account that end without a delivery, together with the move that ends them. */
export const settleUsageOf =
  (accountId: string, month: string, jobIds: readonly string[]): GuardedSetStatement =>
  (db, guard) =>
    db
      .insert(usage)
      .select(sql`select ${accountId}, ${month}, ending.jobs, 0, null from ${endingOf(jobIds, guard)}`)
      .onConflictDoUpdate({
        target: [usage.account_id, usage.month],
        set: { jobs: sql`${usage.jobs} + excluded.jobs` },
      });

/** Counts them in their key's month, in the same way. */
export const settleKeyUsageOf =
  (accountId: string, keyId: string, month: string, jobIds: readonly string[]): GuardedSetStatement =>
  (db, guard) =>
    db
      .insert(keyUsage)
      .select(sql`select ${keyId}, ${month}, ${accountId}, ending.jobs, 0 from ${endingOf(jobIds, guard)}`)
      .onConflictDoUpdate({
        target: [keyUsage.key_id, keyUsage.month],
        set: { jobs: sql`${keyUsage.jobs} + excluded.jobs` },
      });

/** How many of these jobs end, as a table with one row; empty if none does. */
const endingOf = (jobIds: readonly string[], guard: Guard): SQL => sql`(
  select count(*) as jobs from json_each(${JSON.stringify(jobIds)}) as job where ${guard(sql`job.value`)}
) as ending where ending.jobs > 0`;

/** Usage by jobs that ended. */
interface Ended {
  readonly endedJobs: number;
  readonly deliveredBytes: number;
}

/** Usage by jobs that ended in a month, and by jobs that are unfinished now. */
export interface Used extends Ended {
  readonly unfinishedJobs: number;
  readonly reservedBytes: number;
}

/** Usage of an account in a month and since the beginning, and how many of its jobs are running or due. */
export async function readUsage(
  db: Db,
  accountId: string,
  month: string,
): Promise<Used & { readonly concurrentJobs: number; readonly total: Ended }> {
  const [[ended], [total], [unfinished], [concurrent]] = await db.batch([
    monthQuery(db, accountId, month),
    totalQuery(db, accountId),
    unfinishedQuery(db, accountId),
    concurrentQuery(db, accountId),
  ]);
  return {
    endedJobs: ended?.jobs ?? 0,
    deliveredBytes: ended?.delivered_bytes ?? 0,
    total: {
      endedJobs: Number(total?.jobs ?? 0),
      deliveredBytes: Number(total?.delivered_bytes ?? 0),
    },
    unfinishedJobs: unfinished?.jobs ?? 0,
    concurrentJobs: concurrent?.jobs ?? 0,
    reservedBytes: Number(unfinished?.reserved ?? 0),
  };
}
export const monthQuery = (db: Db, accountId: string, month: string) =>
  db
    .select()
    .from(usage)
    .where(and(eq(usage.account_id, accountId), eq(usage.month, month)));
/** All months of an account. */
export const totalQuery = (db: Db, accountId: string) =>
  db
    .select({ jobs: sum(usage.jobs), delivered_bytes: sum(usage.delivered_bytes) })
    .from(usage)
    .where(eq(usage.account_id, accountId));

/** Bytes that an account's jobs delivered between two times, as far as the jobs are still stored. */
export async function readDeliveredBytes(
  db: Db,
  accountId: string,
  period: { readonly start: number; readonly end: number },
): Promise<number> {
  return Number((await deliveredBytesQuery(db, accountId, period))[0]?.bytes ?? 0);
}
export const deliveredBytesQuery = (
  db: Db,
  accountId: string,
  { start, end }: { readonly start: number; readonly end: number },
) =>
  db
    .select({ bytes: sum(jobs.file_size) })
    .from(jobs)
    .where(
      and(
        eq(jobs.account_id, accountId),
        isNotNull(jobs.finished_at),
        gte(jobs.finished_at, start),
        lt(jobs.finished_at, end),
        eq(jobs.status, "Completed"),
      ),
    );

export const unfinishedQuery = (db: Db, accountId: string) =>
  db
    .select({ jobs: count(), reserved: sum(jobs.reserved_bytes) })
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), isNull(jobs.finished_at)));

/** How many jobs of an account are running or due; jobs that are held back do not count. */
export const concurrentJobs = (accountId: SQL): SQL => sql`(
  (select count(*) from ${jobs} as released
    where released.account_id = ${accountId} and released.status = 'Pending' and released.due_at >= 0)
  + (select count(*) from ${jobs} as running
    where running.account_id = ${accountId} and running.status = 'Processing'))`;

export const concurrentQuery = (db: Db, accountId: string) =>
  db.select({ jobs: sql<number>`${concurrentJobs(sql`${accountId}`)}` }).from(sql`(select 1)`);

/** Usage of each key of an account, oldest key first; read in one query, so that nothing is counted twice or missed. */
export async function readKeyUsage(db: Db, accountId: string, month: string) {
  const [keys, ended, unfinished] = await db.batch([
    db
      .select({ id: apiKeys.id, name: apiKeys.name, last4: apiKeys.last4 })
      .from(apiKeys)
      .where(eq(apiKeys.account_id, accountId))
      .orderBy(asc(apiKeys.id)),
    keyMonthQuery(db, accountId, month),
    unfinishedByKeyQuery(db, accountId),
  ]);
  const endedBy = new Map(ended.map((row) => [row.key_id, row]));
  const unfinishedBy = new Map(unfinished.map((row) => [row.key_id, row]));
  return keys.map((key) => ({
    ...key,
    endedJobs: endedBy.get(key.id)?.jobs ?? 0,
    deliveredBytes: endedBy.get(key.id)?.delivered_bytes ?? 0,
    unfinishedJobs: unfinishedBy.get(key.id)?.jobs ?? 0,
    reservedBytes: Number(unfinishedBy.get(key.id)?.reserved ?? 0),
  }));
}
export const keyMonthQuery = (db: Db, accountId: string, month: string) =>
  db
    .select()
    .from(keyUsage)
    .where(and(eq(keyUsage.account_id, accountId), eq(keyUsage.month, month)));
export const unfinishedByKeyQuery = (db: Db, accountId: string) =>
  db
    .select({ key_id: jobs.key_id, jobs: count(), reserved: sum(jobs.reserved_bytes) })
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), isNull(jobs.finished_at), isNotNull(jobs.key_id)))
    .groupBy(jobs.key_id);

/** An allowance whose values may be placeholders. */
interface AllowanceInSql {
  readonly accountId: unknown;
  readonly month: unknown;
  readonly maxConcurrent: unknown;
  readonly quota: { readonly bytes: unknown; readonly bytesPerJob: unknown } | null;
}

/**
 * The condition of an insertion of jobs: it inserts nothing that would exceed the allowance.
 *
 * @param newJobs their number, or a placeholder for one that is not 0
 */
export function admission(
  allowance: AllowanceInSql | null,
  newJobs: number | Placeholder,
): { condition: SQL; reservedBytes: SQL } {
  if (!allowance || newJobs === 0) return { condition: sql`true`, reservedBytes: sql`null` };
  const { accountId, month, maxConcurrent, quota } = allowance;
  const unfinished = sql`from ${jobs} where ${jobs.account_id} = ${accountId} and ${jobs.finished_at} is null`;
  const delivered = sql`coalesce((select ${usage.delivered_bytes} from ${usage}
    where ${usage.account_id} = ${accountId} and ${usage.month} = ${month}), 0)`;
  const reserved = sql`coalesce((select sum(${jobs.reserved_bytes}) ${unfinished}), 0)`;
  const free = quota ? sql`(${quota.bytes} - ${delivered} - ${reserved})` : sql`null`;
  const fits = [
    ...(maxConcurrent === null
      ? []
      : [sql`${concurrentJobs(sql`${accountId}`)} + ${newJobs} <= ${maxConcurrent}`]),
    ...(quota ? [sql`${free} >= ${newJobs}`] : []),
  ];
  return {
    condition: fits.length === 0 ? sql`true` : sql.join(fits, sql` and `),
    reservedBytes: quota ? sql`min(${quota.bytesPerJob}, cast(${free} / ${newJobs} as integer))` : sql`null`,
  };
}
