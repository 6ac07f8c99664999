import { getTableColumns, gte, lt, sql } from "drizzle-orm";
import { endCounts, exitRuns } from "../../../schema/db/tables/statistics.ts";
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

/** A run, or a try of it with one exit. */
export interface CountedTry {
  /** Start of the five minutes. */
  readonly period: number;
  readonly site: string;
  readonly exit: string;
  readonly outcome: string;
  /** 1 for the run's last try, whose outcome is the run's. */
  readonly runs: 0 | 1;
  readonly tries: 0 | 1;
  readonly last_at: number;
}

/** Counts the tries of a run together with the move that it causes. */
export const countTries =
  (tries: readonly CountedTry[]): GuardedStatement =>
  (db, guard) => {
    const value = (name: keyof CountedTry) => sql.raw(`json_extract(tried.value, '$.${name}')`);
    const names = ["period", "site", "exit", "outcome"] as const;
    return db
      .insert(exitRuns)
      .select(
        sql`select ${sql.join(names.map(value), sql`, `)}, sum(${value("runs")}), sum(${value("tries")}), max(${value("last_at")})
          from json_each(${JSON.stringify(tries)}) as tried
          where ${guard} group by ${sql.join(names.map(value), sql`, `)}`,
      )
      .onConflictDoUpdate({
        target: names.map((name) => exitRuns[name]),
        set: {
          runs: sql`${exitRuns.runs} + ${sql.raw("excluded.runs")}`,
          tries: sql`${exitRuns.tries} + ${sql.raw("excluded.tries")}`,
          last_at: sql`max(${exitRuns.last_at}, ${sql.raw("excluded.last_at")})`,
        },
      });
  };

/** Runs and tries since a time, by site, exit and outcome. */
export const exitRunsQuery = (db: Db, since: number) =>
  db
    .select({
      site: exitRuns.site,
      exit: exitRuns.exit,
      outcome: exitRuns.outcome,
      runs: sql<number>`sum(${exitRuns.runs})`,
      tries: sql<number>`sum(${exitRuns.tries})`,
      lastAt: sql<number>`max(${exitRuns.last_at})`,
    })
    .from(exitRuns)
    .where(gte(exitRuns.period, since))
    .groupBy(exitRuns.site, exitRuns.exit, exitRuns.outcome);

/** @returns how many rows were removed */
export async function removeExitRuns(db: Db, before: number): Promise<number> {
  const { meta } = await db.delete(exitRuns).where(lt(exitRuns.period, before));
  return meta.changes;
}
