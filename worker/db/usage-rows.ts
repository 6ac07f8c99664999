import { and, count, eq, isNull, type SQL, sql, sum } from "drizzle-orm";
import { jobs, usage } from "../../schema/db/tables.ts";
import type { Companion, SetCompanion } from "./companions.ts";
import type { Db } from "./connection.ts";

/**
 * What accounts use. Ended jobs are counted in their month by the move that ends them; what is not finished is
 * counted from the jobs themselves, so that nothing has to be given back and the sum is exact at all times.
 */

/** What an account may have; null is unlimited, and not both are. */
export interface Allowance {
  readonly accountId: string;
  /** UTC. @example "2026-11" */
  readonly month: string;
  /** Jobs that are not finished, without those that their batch holds back. */
  readonly maxConcurrent: number | null;
  readonly quota: {
    readonly bytes: number;
    /** Held for each job at most. */
    readonly bytesPerJob: number;
  } | null;
}

/** Counts a job in the month in which it ended, together with the move that ends it. */
export const settleUsage =
  (accountId: string, month: string, deliveredBytes: number): Companion =>
  (db, unmoved) =>
    db
      .insert(usage)
      .select(sql`select ${accountId}, ${month}, 1, ${deliveredBytes} where ${unmoved}`)
      .onConflictDoUpdate({
        target: [usage.account_id, usage.month],
        set: {
          jobs: sql`${usage.jobs} + 1`,
          delivered_bytes: sql`${usage.delivered_bytes} + ${deliveredBytes}`,
        },
      });

/** Counts many jobs of an account that end without a delivery, together with the move that ends them. */
export const settleUsageOf =
  (accountId: string, month: string, jobIds: readonly string[]): SetCompanion =>
  (db, unmoved) =>
    db
      .insert(usage)
      .select(
        sql`select ${accountId}, ${month}, ending.jobs, 0 from (
          select count(*) as jobs from json_each(${JSON.stringify(jobIds)}) as job where ${unmoved(sql`job.value`)}
        ) as ending where ending.jobs > 0`,
      )
      .onConflictDoUpdate({
        target: [usage.account_id, usage.month],
        set: { jobs: sql`${usage.jobs} + excluded.jobs` },
      });

/** What an account uses now. */
export async function readUsage(db: Db, accountId: string, month: string) {
  const [[ended], [unfinished], [concurrent]] = await db.batch([
    monthQuery(db, accountId, month),
    unfinishedQuery(db, accountId),
    concurrentQuery(db, accountId),
  ]);
  return {
    endedJobs: ended?.jobs ?? 0,
    deliveredBytes: ended?.delivered_bytes ?? 0,
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
export const unfinishedQuery = (db: Db, accountId: string) =>
  db
    .select({ jobs: count(), reserved: sum(jobs.reserved_bytes) })
    .from(jobs)
    .where(and(eq(jobs.account_id, accountId), isNull(jobs.finished_at)));

/** How many jobs of an account run or may run; those that their batch holds back do not count. */
export const concurrentJobs = (accountId: SQL): SQL => sql`(
  (select count(*) from ${jobs} as released
    where released.account_id = ${accountId} and released.status = 'Pending' and released.due_at >= 0)
  + (select count(*) from ${jobs} as running
    where running.account_id = ${accountId} and running.status = 'Processing'))`;

export const concurrentQuery = (db: Db, accountId: string) =>
  db.select({ jobs: sql<number>`${concurrentJobs(sql`${accountId}`)}` }).from(sql`(select 1)`);

/** What an insertion of jobs has to add, so that it stays within an allowance or inserts nothing. */
export function admission(
  allowance: Allowance | null,
  newJobs: number,
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
