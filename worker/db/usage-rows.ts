import { and, count, eq, isNull, type SQL, sql, sum } from "drizzle-orm";
import { jobs, usage } from "../../schema/db/tables.ts";
import type { Db } from "./connection.ts";
import type { Companion } from "./job-moves.ts";

/**
 * What accounts use. Ended jobs are counted in their month by the move that ends them; what is not finished is
 * counted from the jobs themselves, so that nothing has to be given back and the sum is exact at all times.
 */

/** What an account may have; null is unlimited, and not both are. */
export interface Allowance {
  readonly accountId: string;
  /** UTC. @example "2026-11" */
  readonly month: string;
  /** Jobs that are not finished. */
  readonly maxUnfinished: number | null;
  readonly quota: {
    readonly bytes: number;
    /** Held for each job at most. */
    readonly bytesPerJob: number;
  } | null;
}

/** Counts a job in the month in which it ended, together with the move that ends it. @param endedAt epoch milliseconds */
export const settleUsage =
  (accountId: string, month: string, deliveredBytes: number, endedAt: number): Companion =>
  (db, unmoved) =>
    db
      .insert(usage)
      .select(sql`select ${accountId}, ${month}, 1, ${deliveredBytes}, ${endedAt} where ${unmoved}`)
      .onConflictDoUpdate({
        target: [usage.account_id, usage.month],
        set: {
          jobs: sql`${usage.jobs} + 1`,
          delivered_bytes: sql`${usage.delivered_bytes} + ${deliveredBytes}`,
          last_end_at: sql`max(${endedAt}, coalesce(${usage.last_end_at}, 0) + 1)`,
        },
      });

/** What an account uses now. */
export async function readUsage(db: Db, accountId: string, month: string) {
  const [[ended], [unfinished]] = await db.batch([
    monthQuery(db, accountId, month),
    unfinishedQuery(db, accountId),
  ]);
  return {
    endedJobs: ended?.jobs ?? 0,
    deliveredBytes: ended?.delivered_bytes ?? 0,
    unfinishedJobs: unfinished?.jobs ?? 0,
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

/** What an insertion of jobs has to add, so that it stays within an allowance or inserts nothing. */
export function admission(
  allowance: Allowance | null,
  newJobs: number,
): { condition: SQL; reservedBytes: SQL } {
  if (!allowance) return { condition: sql`true`, reservedBytes: sql`null` };
  const { accountId, month, maxUnfinished, quota } = allowance;
  const unfinished = sql`from ${jobs} where ${jobs.account_id} = ${accountId} and ${jobs.finished_at} is null`;
  const delivered = sql`coalesce((select ${usage.delivered_bytes} from ${usage}
    where ${usage.account_id} = ${accountId} and ${usage.month} = ${month}), 0)`;
  const reserved = sql`coalesce((select sum(${jobs.reserved_bytes}) ${unfinished}), 0)`;
  const free = quota ? sql`(${quota.bytes} - ${delivered} - ${reserved})` : sql`null`;
  const fits = [
    ...(maxUnfinished === null
      ? []
      : [sql`(select count(*) ${unfinished}) + ${newJobs} <= ${maxUnfinished}`]),
    ...(quota ? [sql`${free} >= ${newJobs}`] : []),
  ];
  return {
    condition: sql.join(fits, sql` and `),
    reservedBytes: quota ? sql`min(${quota.bytesPerJob}, ${free} / ${newJobs})` : sql`null`,
  };
}
