import { and, asc, eq, getTableColumns, inArray, lte, not, sql } from "drizzle-orm";
import { jobCredentials, jobs } from "../../schema/db/tables/jobs.ts";
import type { Db } from "./connection.ts";
import { startsWith } from "./fragments.ts";
import type { GuardedSetStatement, GuardedStatement } from "./guarded-statements.ts";

/** Sealed credentials of unfinished jobs. */

export type CredentialsRow = typeof jobCredentials.$inferSelect;

/** Stores any number of rows with one statement and one parameter; part of the batch that stores their jobs. */
export function insertCredentials(db: Db, rows: readonly CredentialsRow[]) {
  const values = Object.keys(getTableColumns(jobCredentials)).map(
    (name) => sql`json_extract(value, ${sql.raw(`'$.${name}'`)})`,
  );
  return db
    .insert(jobCredentials)
    .select(sql`select ${sql.join(values, sql`, `)} from json_each(${JSON.stringify(rows)})
        where exists (
          select 1 from ${jobs}
          where ${jobs.id} = json_extract(value, '$.job_id') and ${jobs.finished_at} is null
        )`)
    .onConflictDoNothing();
}

/** The sealed text; undefined for a job without credentials, or whose credentials were erased. */
export async function findCredentials(db: Db, jobId: string): Promise<string | undefined> {
  const [found] = await db
    .select({ sealed: jobCredentials.sealed })
    .from(jobCredentials)
    .where(eq(jobCredentials.job_id, jobId));
  return found?.sealed;
}

/** Erases the credentials of a job, together with the move that ends it. */
export const eraseCredentials =
  (jobId: string): GuardedStatement =>
  (db, guard) =>
    db.delete(jobCredentials).where(and(eq(jobCredentials.job_id, jobId), guard));

/** Erases the credentials of many jobs, together with the move that ends them. */
export const eraseCredentialsOf =
  (jobIds: readonly string[]): GuardedSetStatement =>
  (db, guard) =>
    db
      .delete(jobCredentials)
      .where(
        and(
          sql`${jobCredentials.job_id} in (select value from json_each(${JSON.stringify(jobIds)}))`,
          guard(sql`${jobCredentials.job_id}`),
        ),
      );

/**
 * Erases credentials whose job has ended or does not exist; returns how many.
 *
 * @param before only those that were stored before this, in epoch milliseconds
 */
export async function eraseStrayCredentials(db: Db, before: number, limit: number): Promise<number> {
  return (await strayCredentialsQuery(db, before, limit)).length;
}
export const strayCredentialsQuery = (db: Db, before: number, limit: number) =>
  db
    .delete(jobCredentials)
    .where(
      inArray(
        jobCredentials.job_id,
        db
          .select({ job_id: jobCredentials.job_id })
          .from(jobCredentials)
          .where(
            and(
              lte(jobCredentials.created_at, before),
              sql`not exists (select 1 from ${jobs} where ${jobs.id} = ${jobCredentials.job_id} and ${jobs.finished_at} is null)`,
            ),
          )
          .orderBy(asc(jobCredentials.created_at))
          .limit(limit),
      ),
    )
    .returning({ job_id: jobCredentials.job_id });

/** Rows that were not sealed with the newest key. @param prefix beginning of texts that it sealed */
export const findCredentialsToReseal = (db: Db, prefix: string, limit: number) =>
  db
    .select({ owner: jobCredentials.job_id, sealed: jobCredentials.sealed })
    .from(jobCredentials)
    .where(not(startsWith(jobCredentials.sealed, prefix)))
    .limit(limit);

/** Replaces a sealed text by a newly sealed one; does nothing if it was changed meanwhile. */
export const replaceCredentials = (
  db: Db,
  owner: string,
  before: string,
  after: { sealed: string; key_id: string },
) =>
  db
    .update(jobCredentials)
    .set(after)
    .where(and(eq(jobCredentials.job_id, owner), eq(jobCredentials.sealed, before)));
