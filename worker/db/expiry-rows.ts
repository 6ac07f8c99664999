import { and, asc, eq, isNotNull, lte, sql } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import type { Db } from "./connection.ts";
import type { GuardedStatement } from "./guarded-statements.ts";

/** Expiry of files in the managed bucket. */

/** Sets when a job's file expires, together with the move that ends the job; the account's own limit takes precedence. */
export const setExpiry =
  (id: string, { now, days, dayMs }: { now: number; days: number; dayMs: number }): GuardedStatement =>
  (db, guard) => {
    const own = sql`(select json_extract(${accounts.limits}, '$.retention_days') from ${accounts}
      where ${accounts.id} = ${jobs.account_id})`;
    return db
      .update(jobs)
      .set({ expires_at: sql`${now} + coalesce(${own}, ${days}) * ${dayMs}` })
      .where(and(eq(jobs.id, id), guard));
  };

/** The page of expired files begins after this one. */
export interface ExpiryCursor {
  readonly expires_at: number;
  readonly id: string;
}

/** Jobs whose file has expired, after a cursor; the earliest expiry comes first. */
export const expiredQuery = (db: Db, now: number, { expires_at, id }: ExpiryCursor, limit: number) =>
  db
    .select({ id: jobs.id, expires_at: sql<number>`${jobs.expires_at}` })
    .from(jobs)
    .where(
      and(
        isNotNull(jobs.expires_at),
        isNotNull(jobs.object_key),
        lte(jobs.expires_at, now),
        sql`(${jobs.expires_at}, ${jobs.id}) > (${expires_at}, ${id})`,
      ),
    )
    .orderBy(asc(jobs.expires_at), asc(jobs.id))
    .limit(limit);
