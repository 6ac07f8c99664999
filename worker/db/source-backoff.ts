import { and, count, eq, gt, sql } from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { sourceBackoff, storageBackoff } from "../../schema/db/tables/sources.ts";
import type { JobErrorCode } from "../../schema/errors.ts";
import type { Db } from "./connection.ts";
import type { GuardedStatement } from "./guarded-statements.ts";
import type { JobRow } from "./job-rows.ts";

/** Runs in progress, by the instance that has them. */
export const runsByInstanceQuery = (db: Db) =>
  db
    .select({
      runner: sql<string>`coalesce(${jobs.runner}, '')`,
      runs: count(),
      ofBatches: count(jobs.batch_id),
    })
    .from(jobs)
    .where(sql`${jobs.status} = 'Processing'`)
    .groupBy(jobs.runner);

/**
 * Sources and storages that were struck within a time; there are few.
 *
 * @param withInstances also counts the runs of each instance, in the same round trip
 */
export async function listBackoffs(db: Db, since: number, withInstances: boolean) {
  const sourcesQuery = db
    .select({ name: sourceBackoff.host, until: sourceBackoff.until })
    .from(sourceBackoff)
    .where(gt(sourceBackoff.until, since));
  const storagesQuery = db
    .select({ name: storageBackoff.place, until: storageBackoff.until })
    .from(storageBackoff)
    .where(gt(storageBackoff.until, since));
  if (!withInstances) {
    const [sources, storages] = await db.batch([sourcesQuery, storagesQuery]);
    return { sources, storages, instances: null };
  }
  const [sources, storages, instances] = await db.batch([
    sourcesQuery,
    storagesQuery,
    runsByInstanceQuery(db),
  ]);
  return { sources, storages, instances };
}

/** Pauses of a source or a storage, in milliseconds. */
export interface BackoffTimes {
  /** After the first strike; each further one doubles it. */
  readonly first: number;
  readonly longest: number;
  /** What it asked for. */
  readonly requested: number;
  /** A row of this age counts as none. */
  readonly forgetAfterMs: number;
}

type Strike = (name: string, now: number, times: BackoffTimes) => GuardedStatement;

/**
 * Records, together with a move, that a source refused. Refusals of runs that were already under way when the source
 * was struck count once.
 */
export const strikeSource: Strike = (host, now, times) => (db, guard) => {
  const { strikes, until } = afterStrike(sourceBackoff, now, times);
  return db
    .insert(sourceBackoff)
    .select(sql`select ${host}, 1, ${firstUntil(now, times)} where ${guard}`)
    .onConflictDoUpdate({ target: sourceBackoff.host, set: { strikes, until } });
};

/** The same for a storage that could not be reached or did not store. */
export const strikeStorage: Strike = (place, now, times) => (db, guard) => {
  const { strikes, until } = afterStrike(storageBackoff, now, times);
  return db
    .insert(storageBackoff)
    .select(sql`select ${place}, 1, ${firstUntil(now, times)} where ${guard}`)
    .onConflictDoUpdate({ target: storageBackoff.place, set: { strikes, until } });
};

const firstUntil = (now: number, { first, requested }: BackoffTimes): number =>
  now + Math.max(first, requested);

/** The content of a row after another strike. */
function afterStrike(
  table: typeof sourceBackoff | typeof storageBackoff,
  now: number,
  { first, longest, requested, forgetAfterMs }: BackoffTimes,
) {
  const strikes = sql`case
    when ${table.until} > ${now} then ${table.strikes}
    when ${table.until} < ${now - forgetAfterMs} then 1
    else ${table.strikes} + 1 end`;
  const doubled = sql`${now} + max(${requested}, min(${longest}, ${first} * (1 << min(20, ${strikes} - 1))))`;
  return { strikes, until: sql`max(${table.until}, ${doubled})` };
}

/** Removes the strikes of a source, together with a move. */
export const clearSource =
  (host: string): GuardedStatement =>
  (db, guard) =>
    db.delete(sourceBackoff).where(and(eq(sourceBackoff.host, host), guard));

/** Removes the strikes of a storage, together with a move. */
export const clearStorage =
  (place: string): GuardedStatement =>
  (db, guard) =>
    db.delete(storageBackoff).where(and(eq(storageBackoff.place, place), guard));

/** Postpones a pending job without a claim. Returns false when it has changed since it was read. */
export async function putOff(
  db: Db,
  job: Pick<JobRow, "id" | "revision">,
  { dueAt, enqueueDueAt, code }: { dueAt: number; enqueueDueAt: number; code: JobErrorCode },
): Promise<boolean> {
  const changed = await db
    .update(jobs)
    .set({ due_at: dueAt, enqueue_due_at: enqueueDueAt, error_code: code })
    .where(and(eq(jobs.id, job.id), eq(jobs.revision, job.revision), eq(jobs.status, "Pending")))
    .returning({ id: jobs.id });
  return changed.length > 0;
}
