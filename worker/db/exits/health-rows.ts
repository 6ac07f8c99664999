import { and, eq, gt, lt, or, sql } from "drizzle-orm";
import { exitHealth } from "../../../schema/db/tables/sources.ts";
import type { Db } from "../connection.ts";
import { rowValues } from "../fragments.ts";
import type { GuardedStatement } from "../guarded-statements.ts";

/** How each site treats each exit; the rules are in `worker/services/exits/`. */

export type HealthRow = typeof exitHealth.$inferSelect;

/** The rows of one site. */
export const healthOfSiteQuery = (db: Db, site: string) =>
  db.select().from(exitHealth).where(eq(exitHealth.site, site));

/**
 * Writes a pair together with the move that changed it, if it is still as it was read. Of several outcomes at once one
 * counts, as several refusals of the same moment should.
 *
 * @param row with the version that was read, 0 if there was no row
 */
export const writeHealth =
  (row: HealthRow): GuardedStatement =>
  (db, guard) => {
    const { site: _site, exit: _exit, reported_open: _reported, ...changes } = row;
    return db
      .insert(exitHealth)
      .select(sql`select ${rowValues(exitHealth, { ...row, version: row.version + 1 })} where ${guard}`)
      .onConflictDoUpdate({
        target: [exitHealth.site, exitHealth.exit],
        set: { ...changes, version: row.version + 1 },
        setWhere: eq(exitHealth.version, row.version),
      });
  };

/** Notes that a run began to use a pair: when the next one is due, and whether it is a probe. */
export async function noteUse(
  db: Db,
  { site, exit, next_at, probe_until }: Pick<HealthRow, "site" | "exit" | "next_at" | "probe_until">,
): Promise<void> {
  await db
    .update(exitHealth)
    .set({
      next_at: sql`max(${exitHealth.next_at}, ${next_at})`,
      probe_until: sql`max(${exitHealth.probe_until}, ${probe_until})`,
    })
    .where(and(eq(exitHealth.site, site), eq(exitHealth.exit, exit)));
}

const isOpen = (since: number) => sql`(${exitHealth.strikes} > 0 and ${exitHealth.until} > ${since})`;

/** Pairs whose state was not reported to the operator yet. @param since strikes before this no longer count */
export const unreportedHealthQuery = (db: Db, since: number, limit: number) =>
  db
    .select()
    .from(exitHealth)
    .where(sql`${isOpen(since)} is not ${exitHealth.reported_open}`)
    .limit(limit);

/** @returns false if another caller was faster, or the pair has changed again */
export async function noteReported(db: Db, row: HealthRow, isOpenNow: boolean): Promise<boolean> {
  const changed = await db
    .update(exitHealth)
    .set({ reported_open: isOpenNow })
    .where(
      and(
        eq(exitHealth.site, row.site),
        eq(exitHealth.exit, row.exit),
        eq(exitHealth.version, row.version),
        eq(exitHealth.reported_open, row.reported_open),
      ),
    )
    .returning({ site: exitHealth.site });
  return changed.length > 0;
}

/** Pairs that are open, or were so within a day, for the operator. */
export const allHealthQuery = (db: Db, since: number, limit: number) =>
  db.select().from(exitHealth).where(gt(exitHealth.updated_at, since)).limit(limit);

/**
 * Removes pairs that nothing has to be known of: those without limits and strikes, and those that nobody used for long.
 *
 * @returns how many were removed
 */
export async function removeHealth(db: Db, idleSince: number, before: number): Promise<number> {
  const isPlain = sql`${exitHealth.strikes} = 0 and ${exitHealth.faults} = 0 and ${exitHealth.pace} is null`;
  const { meta } = await db
    .delete(exitHealth)
    .where(
      and(
        eq(exitHealth.reported_open, false),
        or(and(isPlain, lt(exitHealth.updated_at, idleSince)), lt(exitHealth.updated_at, before)),
      ),
    );
  return meta.changes;
}
