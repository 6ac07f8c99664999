import { and, eq, gt, sql } from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { sourceBackoff } from "../../schema/db/tables/sources.ts";
import type { Db } from "./connection.ts";
import type { GuardedStatement } from "./guarded-statements.ts";
import type { JobRow } from "./job-rows.ts";

export type BackoffRow = typeof sourceBackoff.$inferSelect;

/** Sources that were struck within a time; there are few. */
export async function listBackoffs(db: Db, since: number): Promise<BackoffRow[]> {
  return db.select().from(sourceBackoff).where(gt(sourceBackoff.until, since));
}

/** Times to leave a source alone, in milliseconds. */
export interface BackoffTimes {
  /** After the first strike; each further one doubles it. */
  readonly first: number;
  readonly longest: number;
  /** What the source itself asked for. */
  readonly requested: number;
  /** A row that is this old counts as none. */
  readonly forgetAfterMs: number;
}

/**
 * Notes together with a move that a source refused. Refusals of runs that were under way when the source was struck
 * count once.
 */
export const strikeSource =
  (host: string, now: number, { first, longest, requested, forgetAfterMs }: BackoffTimes): GuardedStatement =>
  (db, guard) => {
    const strikes = sql`case
      when ${sourceBackoff.until} > ${now} then ${sourceBackoff.strikes}
      when ${sourceBackoff.until} < ${now - forgetAfterMs} then 1
      else ${sourceBackoff.strikes} + 1 end`;
    const doubled = sql`${now} + max(${requested}, min(${longest}, ${first} * (1 << min(20, ${strikes} - 1))))`;
    return db
      .insert(sourceBackoff)
      .select(sql`select ${host}, 1, ${now + Math.max(first, requested)} where ${guard}`)
      .onConflictDoUpdate({
        target: sourceBackoff.host,
        set: { strikes, until: sql`max(${sourceBackoff.until}, ${doubled})` },
      });
  };

/** Removes together with a move that a source ever refused. */
export const clearSource =
  (host: string): GuardedStatement =>
  (db, guard) =>
    db.delete(sourceBackoff).where(and(eq(sourceBackoff.host, host), guard));

/** Puts a pending job off without a claim. Answers false when it is not as it was read any more. */
export async function putOff(
  db: Db,
  job: Pick<JobRow, "id" | "revision">,
  dueAt: number,
  enqueueDueAt: number,
): Promise<boolean> {
  const changed = await db
    .update(jobs)
    .set({ due_at: dueAt, enqueue_due_at: enqueueDueAt })
    .where(and(eq(jobs.id, job.id), eq(jobs.revision, job.revision), eq(jobs.status, "Pending")))
    .returning({ id: jobs.id });
  return changed.length > 0;
}
