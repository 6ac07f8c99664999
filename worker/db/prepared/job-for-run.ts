import { eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import { accounts, storageConfigs } from "../../../schema/db/tables/accounts.ts";
import { jobCredentials, jobs } from "../../../schema/db/tables/jobs.ts";
import type { Db } from "../connection.ts";
import { jarsForRun } from "../cookies/jar-rows.ts";
import { FILTER_PLACEHOLDERS, filterValues, nextInQueue, type QueueFilter } from "../fair-queue.ts";
import { type JobRow, readJobRow } from "../job-rows.ts";
import { type CopyTerms, reuseOfJob } from "../reuse/reuse-of-job.ts";
import { prepareQuery } from "./prepared-query.ts";

/** What a run needs from the account's storage. A result may have 100 columns, and most of them are the job's. */
const storageConfigForRun = {
  provider: storageConfigs.provider,
  place: storageConfigs.place,
  sealed: storageConfigs.sealed,
};
export type StorageConfigForRun = Pick<typeof storageConfigs.$inferSelect, keyof typeof storageConfigForRun>;

/** A job with the limits and the storage of its account and the credentials that came with it. */
export interface JobForRun {
  readonly job: JobRow;
  /** JSON of `ReuseOfJob`; null if its media must not be copied. */
  readonly reuse: string | null;
  readonly limits: (typeof accounts.$inferSelect)["limits"] | null;
  readonly storage_prefix: string | null;
  readonly credentials: (typeof jobCredentials.$inferSelect)["sealed"] | null;
  readonly config: StorageConfigForRun | null;
  /** JSON of the cookies that its source may get. */
  readonly jars: string;
}

/**
 * A job with what a run needs.
 *
 * @param terms on which it may copy an earlier file; null: never
 */
export async function findJobForRun(
  db: Db,
  id: string,
  terms: CopyTerms | null,
): Promise<JobForRun | undefined> {
  const statement = (terms ? BY_ID.copying : BY_ID.plain)(db, { id, ...valuesOf(terms) });
  const [row] = await statement.raw();
  return row && readRow(row);
}

/** The same for the next due job. */
export async function findNextJobForRun(
  db: Db,
  filter: QueueFilter,
  terms: CopyTerms | null,
): Promise<JobForRun | undefined> {
  const values = { ...filterValues(filter), ...valuesOf(terms) };
  const [row] = await (terms ? NEXT.copying : NEXT.plain)(db, values).raw();
  return row && readRow(row);
}

export const nextJobQuery = (db: Db, filter: QueueFilter) =>
  jobForRunQuery(db, eq(jobs.id, nextInQueue(filterValues(filter))), false);

const valuesOf = (terms: CopyTerms | null) =>
  terms ? { copyNow: terms.now, recentSince: terms.recentSince } : {};

const COPY_PLACEHOLDERS = { now: sql.placeholder("copyNow"), recentSince: sql.placeholder("recentSince") };

const jobForRunQuery = (db: Db, condition: SQL, copies: boolean) =>
  db
    .select({
      job: jobs,
      reuse: copies ? reuseOfJob(COPY_PLACEHOLDERS, sql`${storageConfigs.place}`) : sql<null>`null`,
      limits: accounts.limits,
      storage_prefix: accounts.storage_prefix,
      credentials: jobCredentials.sealed,
      config: storageConfigForRun,
      jars: jarsForRun(sql`${jobs.account_id}`, sql`coalesce(${jobs.media_url}, ${jobs.url})`).as("jars"),
    })
    .from(jobs)
    .leftJoin(accounts, eq(accounts.id, jobs.account_id))
    .leftJoin(jobCredentials, eq(jobCredentials.job_id, jobs.id))
    .leftJoin(storageConfigs, eq(storageConfigs.account_id, jobs.account_id))
    .where(condition);

const prepareBoth = (condition: () => SQL) => ({
  copying: prepareQuery((db) => jobForRunQuery(db, condition(), true)),
  plain: prepareQuery((db) => jobForRunQuery(db, condition(), false)),
});
const BY_ID = prepareBoth(() => eq(jobs.id, sql.placeholder("id")));
const NEXT = prepareBoth(() => eq(jobs.id, nextInQueue(FILTER_PLACEHOLDERS)));

const JOB_COLUMNS = Object.keys(getTableColumns(jobs)).length;

/** @param row in the order of {@link jobForRunQuery} */
function readRow(row: readonly unknown[]): JobForRun {
  const [reuse, limits, prefix, credentials, provider, place, sealed, jars] = row.slice(JOB_COLUMNS);
  const config = { provider, place, sealed } as StorageConfigForRun;
  return {
    job: readJobRow(row),
    reuse: reuse as string | null,
    limits:
      limits === null ? null : (accounts.limits.mapFromDriverValue(limits as string) as JobForRun["limits"]),
    storage_prefix: prefix as string | null,
    credentials: credentials as JobForRun["credentials"],
    config: provider === null ? null : config,
    jars: jars as string,
  };
}
