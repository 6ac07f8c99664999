import { and, count, desc, eq, gt, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { exitHealth, exits, storageBackoff } from "../../../schema/db/tables/sources.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { Db } from "../connection.ts";
import type { GuardedStatement } from "../guarded-statements.ts";
import type { JobRow } from "../job-rows.ts";
import { trialsQuery } from "./trial-rows.ts";

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

/** Pairs of site and exit that are read at once; older ones have their defaults again. */
const MAX_PAIRS = 5_000;

const runsByExitQuery = (db: Db) =>
  db
    .select({ exit: sql<string | null>`json_extract(${jobs.details}, '$.exit')`, runs: count() })
    .from(jobs)
    .where(sql`${jobs.status} = 'Processing'`)
    .groupBy(sql`1`);

/**
 * What the dispatcher must know besides the job: how sites treat exits, which storages are down, the operator's exits,
 * what runs where, and how newer versions of yt-dlp do. One round trip.
 *
 * @param since pairs and storages that changed after this, in epoch milliseconds
 */
export async function readDispatchState(
  db: Db,
  since: number,
  wanted: { instances: boolean; exits: boolean; trialsSince: number },
) {
  const pairs = db
    .select()
    .from(exitHealth)
    .where(gt(exitHealth.updated_at, since))
    .orderBy(desc(exitHealth.updated_at))
    .limit(MAX_PAIRS);
  const storages = db
    .select({ name: storageBackoff.place, until: storageBackoff.until })
    .from(storageBackoff)
    .where(gt(storageBackoff.until, since));
  const kept = db.select().from(exits).where(eq(exits.enabled, true)).orderBy(exits.name);
  const none = db
    .select({ runner: sql<string>`''`, runs: sql<number>`0`, ofBatches: sql<number>`0` })
    .from(sql`(select 1 where 0)`);
  const noExits = db
    .select({ exit: sql<string | null>`null`, runs: sql<number>`0` })
    .from(sql`(select 1 where 0)`);
  const read = await db.batch([
    pairs,
    storages,
    kept,
    wanted.instances ? runsByInstanceQuery(db) : none,
    wanted.exits ? runsByExitQuery(db) : noExits,
    trialsQuery(db, wanted.trialsSince),
  ]);
  const [pairRows, storageRows, exitRows, instances, runsByExit, trials] = read;
  return { pairs: pairRows, storages: storageRows, exits: exitRows, instances, runsByExit, trials };
}

/** Pauses of a storage, in milliseconds. */
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
 * Records, together with a move, that a storage could not be reached or did not store. Failures of runs that were already
 * under way when it was struck count once.
 */
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
  table: typeof storageBackoff,
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
