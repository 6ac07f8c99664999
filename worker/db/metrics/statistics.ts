import { getTableColumns, gte, lt, sql } from "drizzle-orm";
import { endCounts, siteRuns } from "../../../schema/db/tables/statistics.ts";
import type { Db } from "../connection.ts";
import type { Guard, GuardedSetStatement, GuardedStatement } from "../guarded-statements.ts";

/** Counters of ended jobs and runs; each is written by the move that it counts, into one row. */

export type EndCountRow = typeof endCounts.$inferSelect;

/** What one ended job adds. */
export type CountedEnd = EndCountRow & { readonly id: string };

const NAMES = Object.keys(getTableColumns(endCounts)) as (keyof EndCountRow)[];
const KEY = ["site", "storage", "outcome"] as const satisfies (keyof EndCountRow)[];
const SUMS = NAMES.filter((name) => !(KEY as readonly string[]).includes(name));

/** Counts jobs together with the move that ends them. */
export const countEnds =
  (ends: readonly CountedEnd[]): GuardedSetStatement =>
  (db, guard) =>
    insertCounts(db, ends, guard);

/** The same of one job. */
export const countEnd =
  (end: CountedEnd): GuardedStatement =>
  (db, guard) =>
    insertCounts(db, [end], () => guard);

function insertCounts(db: Db, ends: readonly CountedEnd[], guard: Guard) {
  const value = (name: string) => sql.raw(`json_extract(ending.value, '$.${name}')`);
  const columns = NAMES.map((name) => (SUMS.includes(name) ? sql`sum(${value(name)})` : value(name)));
  return db
    .insert(endCounts)
    .select(
      sql`select ${sql.join(columns, sql`, `)} from json_each(${JSON.stringify(ends)}) as ending
        where ${guard(value("id"))} group by ${sql.join(KEY.map(value), sql`, `)}`,
    )
    .onConflictDoUpdate({
      target: KEY.map((name) => endCounts[name]),
      set: Object.fromEntries(
        SUMS.map((name) => [name, sql`${endCounts[name]} + ${sql.raw(`excluded.${name}`)}`]),
      ),
    });
}

/** All counters. */
export const endCountsQuery = (db: Db) => db.select().from(endCounts);

/** Counts a run together with the move that it causes. @param period start of the five minutes */
export const countRun =
  (period: number, site: string, outcome: string): GuardedStatement =>
  (db, guard) =>
    db
      .insert(siteRuns)
      .select(sql`select ${period}, ${site}, ${outcome}, 1 where ${guard}`)
      .onConflictDoUpdate({
        target: [siteRuns.period, siteRuns.site, siteRuns.outcome],
        set: { runs: sql`${siteRuns.runs} + 1` },
      });

/** Runs since a time, by site and outcome. */
export const siteRunsQuery = (db: Db, since: number) =>
  db
    .select({ site: siteRuns.site, outcome: siteRuns.outcome, runs: sql<number>`sum(${siteRuns.runs})` })
    .from(siteRuns)
    .where(gte(siteRuns.period, since))
    .groupBy(siteRuns.site, siteRuns.outcome);

/** @returns how many rows were removed */
export async function removeSiteRuns(db: Db, before: number): Promise<number> {
  const { meta } = await db.delete(siteRuns).where(lt(siteRuns.period, before));
  return meta.changes;
}
