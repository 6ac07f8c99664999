import { and, asc, eq, gt, lte, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { storageBackoff } from "../../../schema/db/tables/sources.ts";
import type { Db } from "../connection.ts";

/** What the database says about itself. */
export interface DatabaseFacts {
  /** Bytes; null if they are not reported. */
  readonly size: number | null;
  /** Whether it has seen the migration. */
  readonly isMigrated: boolean;
}

/** @param migration name of the newest migration that is needed @throws DatabaseError when it does not answer */
export async function databaseFacts(db: Db, migration: string): Promise<DatabaseFacts> {
  try {
    const { meta, results } = await db.run(sql`select 1 from d1_migrations where name = ${migration}`);
    const size = typeof meta.size_after === "number" ? meta.size_after : null;
    return { size, isMigrated: results.length > 0 };
  } catch (error) {
    if (isMissingTable(error)) return { size: null, isMigrated: false };
    throw error;
  }
}

/** A database that no migration has touched has no list of them. */
function isMissingTable(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.message.includes("no such table")) return true;
  }
  return false;
}

/** A place that no storage has. */
const NOWHERE = "";

/** Writes a row and removes it, as one transaction. @throws DatabaseError when the database is full or only readable */
export async function writeAndRemove(db: Db): Promise<void> {
  await db.batch([
    db
      .insert(storageBackoff)
      .values({ place: NOWHERE, strikes: 0, until: 0 })
      .onConflictDoUpdate({ target: storageBackoff.place, set: { until: 0 } }),
    db.delete(storageBackoff).where(eq(storageBackoff.place, NOWHERE)),
  ]);
}

/** Times in epoch milliseconds. */
export interface Stall {
  /** Jobs that have been due since before this. */
  readonly dueBefore: number;
  /** Whose dispatch message was sent again lately: the next one is planned for after this. */
  readonly announcedAfter: number;
}

/** Since when a job has been due although nothing runs; null if there is none. */
export async function stalledSince(db: Db, stall: Stall): Promise<number | null> {
  return (await stalledQuery(db, stall))[0]?.due_at ?? null;
}
export const stalledQuery = (db: Db, { dueBefore, announcedAfter }: Stall) =>
  db
    .select({ due_at: jobs.due_at })
    .from(jobs)
    .where(
      and(
        sql`not exists (select 1 from ${jobs} as job where job.status = 'Processing')`,
        sql`${jobs.status} = 'Pending'`,
        lte(jobs.due_at, dueBefore),
        gt(jobs.enqueue_due_at, announcedAfter),
      ),
    )
    .orderBy(asc(jobs.due_at))
    .limit(1);
