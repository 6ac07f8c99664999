import { and, desc, eq, getTableColumns, isNull, lt, type Placeholder, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { storageConfigs } from "../../schema/db/tables/accounts.ts";
import { jobMetadata, jobs } from "../../schema/db/tables/jobs.ts";
import { jobCounts } from "../../schema/db/tables/usage.ts";
import { isFinal, type Status } from "../../schema/states.ts";
import type { Db } from "./connection.ts";
import { type CredentialsRow, insertCredentials } from "./credentials.ts";
import { lastEnd } from "./fragments.ts";
import type { Guard, GuardedSetStatement } from "./guarded-statements.ts";
import { createRowReader, prepareQuery } from "./prepared/prepared-query.ts";
import { insertMedia, type WantedMedia } from "./reuse/wanted-media.ts";
import { type Allowance, admission } from "./usage-rows.ts";

/** A job as it is stored. */
export type JobRow = typeof jobs.$inferSelect;
/** A job to be stored. */
export type NewJobRow = typeof jobs.$inferInsert;

/** Jobs to be stored: common columns are sent once. */
export interface JobsToStore {
  readonly shared: Partial<NewJobRow>;
  /** Each job's own columns, which override the shared ones. */
  readonly rows: readonly Partial<NewJobRow>[];
}

interface StoreOptions {
  readonly credentials?: readonly CredentialsRow[];
  /** The account's allowance; if the jobs do not fit into it, none is stored. */
  readonly allowance?: Allowance | null;
  /** Usage and notifications of jobs that are stored as ended. */
  readonly guardedStatements?: readonly GuardedSetStatement[];
  /** Only jobs that pass it are stored. */
  readonly condition?: Guard | undefined;
  /** Statements of the same transaction, executed after the jobs were stored. */
  readonly alongside?: ((db: Db) => readonly BatchItem<"sqlite">[]) | undefined;
  /** What jobs fetch that may copy files of earlier ones. */
  readonly media?: readonly WantedMedia[];
}

/**
 * Stores jobs, with the sealed credentials that came with them, in one round trip. Jobs that exist already are
 * not changed.
 *
 * @returns how many were stored
 */
export async function insertJobs(
  db: Db,
  jobsToStore: JobsToStore,
  {
    credentials = [],
    allowance = null,
    guardedStatements = [],
    media = [],
    condition: only,
    alongside,
  }: StoreOptions = {},
): Promise<number> {
  const unfinished = unfinishedOf(jobsToStore.rows);
  const isPlain =
    credentials.length === 0 &&
    guardedStatements.length === 0 &&
    Object.keys(jobsToStore.shared).length === 0 &&
    !only &&
    !alongside;
  if (isPlain) return insertPlainJobs(db, jobsToStore.rows, unfinished === 0 ? null : allowance, media);
  const { condition, reservedBytes } = admission(allowance, unfinished);
  const both = only ? sql`${condition} and ${only(sql`json_extract(job.value, '$.id')`)}` : condition;
  const insert = jobsInsert(db, jobsToStore, both, reservedBytes);
  const isNew: Guard = (jobId) => sql`not exists (select 1 from ${jobs} where ${jobs.id} = ${jobId})`;
  // the guarded statements come first: afterwards no job is new
  const statements = [
    ...guardedStatements.map((statement) => statement(db, isNew)),
    insert,
    ...(credentials.length > 0 ? [insertCredentials(db, credentials)] : []),
    ...(media.length > 0 ? [insertMedia(db, JSON.stringify(media))] : []),
    ...(alongside?.(db) ?? []),
  ];
  const results = await db.batch(statements as [typeof insert]);
  return (results[guardedStatements.length] as unknown[]).length;
}

const plainInserts = new Map<string, ReturnType<typeof prepareQuery>>();

/** Stores jobs with the media that they fetch and nothing else: the usual case, whose statements differ in their values only. */
async function insertPlainJobs(
  db: Db,
  rows: JobsToStore["rows"],
  allowance: Allowance | null,
  media: readonly WantedMedia[],
): Promise<number> {
  const { maxConcurrent = null, quota = null } = allowance ?? {};
  const columns = columnsOf(rows);
  const shape = JSON.stringify([[...columns], maxConcurrent !== null, quota !== null]);
  const insert = plainInserts.get(shape) ?? preparePlainInsert(columns, { maxConcurrent, quota });
  plainInserts.set(shape, insert);
  const statement = insert(db, {
    rows: JSON.stringify(rows.map(pack)),
    accountId: allowance?.accountId,
    month: allowance?.month,
    maxConcurrent,
    bytes: quota?.bytes,
    bytesPerJob: quota?.bytesPerJob,
    newJobs: unfinishedOf(rows),
  });
  if (media.length === 0) return (await statement.raw()).length;
  const [stored] = await db.$client.batch([statement, mediaInsert(db, { wanted: JSON.stringify(media) })]);
  return stored?.results.length ?? 0;
}

const mediaInsert = prepareQuery((db) => insertMedia(db, sql.placeholder("wanted")));

function preparePlainInsert(
  columns: ReadonlySet<string>,
  limits: Pick<Allowance, "maxConcurrent" | "quota">,
) {
  const value = (name: string) => sql.placeholder(name);
  const { condition, reservedBytes } = admission(
    {
      accountId: value("accountId"),
      month: value("month"),
      maxConcurrent: limits.maxConcurrent === null ? null : value("maxConcurrent"),
      quota: limits.quota && { bytes: value("bytes"), bytesPerJob: value("bytesPerJob") },
    },
    value("newJobs"),
  );
  const source = { common: {}, columns, rows: value("rows") };
  return prepareQuery((db) => insertFrom(db, source, condition, reservedBytes));
}

/** How many of the jobs are not stored as ended. */
export const unfinishedOf = (rows: readonly Partial<NewJobRow>[]): number =>
  rows.filter(({ finished_at = null }) => finished_at === null).length;

/**
 * One statement with one parameter for everything that differs; columns that no job has are null. Jobs without inline
 * storage go to the storage of their account if it has one. The statement itself looks that up, so that accepting takes
 * one round trip.
 *
 * `end_index` of jobs of a batch that are stored as ended counts from the last end of the batch.
 *
 * @param condition nothing is stored unless it holds
 * @param reservedBytes what is held of the account's quota for each job that is not stored as ended
 */
export function jobsInsert(db: Db, { shared, rows }: JobsToStore, condition: SQL, reservedBytes: SQL) {
  const source = { common: pack(shared), columns: columnsOf(rows), rows: JSON.stringify(rows.map(pack)) };
  return insertFrom(db, source, condition, reservedBytes);
}

/** The columns that at least one of the rows has. */
const columnsOf = (rows: JobsToStore["rows"]): ReadonlySet<string> =>
  new Set(rows.flatMap((row) => Object.keys(row)));

interface JobsSource {
  /** Columns that all rows share. */
  readonly common: Readonly<Record<string, unknown>>;
  /** The rows' own columns. */
  readonly columns: ReadonlySet<string>;
  /** The rows as JSON. */
  readonly rows: string | Placeholder;
}

function insertFrom(db: Db, { common, columns, rows }: JobsSource, condition: SQL, reservedBytes: SQL) {
  const valueIn = (name: string): SQL => {
    const sent = sql`json_extract(job.value, ${sql.raw(`'$.${name}'`)})`;
    const value = common[name] ?? null;
    if (!columns.has(name)) return value === null ? sql`null` : sql`${value}`;
    return value === null ? sent : sql`coalesce(${sent}, ${value})`;
  };
  const values = Object.keys(getTableColumns(jobs)).map((name) => {
    if (name === "reserved_bytes") return sql`iif(${valueIn("finished_at")} is null, ${reservedBytes}, null)`;
    if (name === "end_index" && columns.has(name))
      return sql`${valueIn(name)} + ${lastEnd(valueIn("batch_id"))}`;
    const ofAccount = OF_ACCOUNT[name];
    return ofAccount ? sql`iif(config.account_id is null, ${valueIn(name)}, ${ofAccount})` : valueIn(name);
  });
  return db
    .insert(jobs)
    .select(
      sql`
    select ${sql.join(values, sql`, `)} from json_each(${rows}) as job
    left join ${storageConfigs} as config on config.account_id = ${valueIn("account_id")}
      and ${valueIn("storage_source")} = 'managed'
    where ${condition}`,
    )
    .onConflictDoNothing()
    .returning({ id: jobs.id });
}

/** Columns of a job that follow from the account's own storage. */
const OF_ACCOUNT: Readonly<Record<string, SQL>> = {
  storage_source: sql`'account'`,
  storage_provider: sql`config.provider`,
  storage_place: sql`config.place`,
};

/** JSON columns are stored as text: escaped characters stay escaped. */
function pack(row: Partial<NewJobRow>): Record<string, unknown> {
  const packed = JSON_COLUMNS.filter((name) => row[name] !== undefined).map((name) => [
    name,
    JSON.stringify(row[name]),
  ]);
  const { publishing } = row;
  return {
    ...row,
    ...(publishing === undefined ? {} : { publishing: Number(publishing) }),
    ...Object.fromEntries(packed),
  };
}

const JSON_COLUMNS = ["request", "plan", "adjustments"] as const;

/** A job, regardless of its owner. */
export async function findJob(db: Db, id: string): Promise<JobRow | undefined> {
  const [row] = await preparedJobQuery(db, { id }).raw();
  return row && readJobRow(row);
}
const preparedJobQuery = prepareQuery((db) => jobQuery(db, sql.placeholder("id")));
export const readJobRow = createRowReader(jobs);
export const jobQuery = (db: Db, id: string | Placeholder) => db.select().from(jobs).where(eq(jobs.id, id));

/** A job of this account. */
export async function findJobOf(db: Db, accountId: string, id: string): Promise<JobRow | undefined> {
  const row = await findJob(db, id);
  return row?.account_id === accountId ? row : undefined;
}

/** What the event stream of a job reads once a second. */
export async function findJobProgress(db: Db, accountId: string, id: string) {
  const [found] = await db
    .select({
      id: jobs.id,
      account_id: jobs.account_id,
      status: jobs.status,
      step: jobs.step,
      progress: jobs.progress,
      download_rate: jobs.download_rate,
      revision: jobs.revision,
    })
    .from(jobs)
    .where(eq(jobs.id, id));
  return found?.account_id === accountId ? found : undefined;
}

export interface JobFilter {
  readonly accountId: string;
  readonly status?: Status | undefined;
  readonly batchId?: string | undefined;
  /** Pairs that the job's metadata must contain. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

export interface JobPage {
  readonly limit: number;
  readonly offset: number;
  /** Only jobs older than this id. */
  readonly cursor?: string | undefined;
}

/** A page of jobs, newest first, with one more row if there is one, and the number of jobs that match the filter. */
export async function listJobs(
  db: Db,
  filter: JobFilter,
  page: JobPage,
): Promise<{ rows: JobRow[]; total: number }> {
  const [rows, totals] = await db.batch([pageQuery(db, filter, page), countQuery(db, filter)]);
  return { rows, total: totals[0]?.total ?? 0 };
}

export const pageQuery = (db: Db, filter: JobFilter, { limit, offset, cursor }: JobPage) =>
  db
    .select()
    .from(jobs)
    .where(and(conditionOf(filter), cursor === undefined ? undefined : lt(jobs.id, cursor)))
    .orderBy(desc(jobs.id))
    .limit(limit + 1)
    .offset(cursor === undefined ? offset : 0);

/** Ended jobs are counted already; those of a batch or with a certain metadata are counted now. */
export const countQuery = (db: Db, filter: JobFilter) => {
  const { accountId, status, batchId, metadata } = filter;
  const counted = (condition: SQL | undefined) => sql`(select count(*) from ${jobs} where ${condition})`;
  const ended = sql`(select coalesce(sum(${jobCounts.jobs}), 0) from ${jobCounts}
    where ${jobCounts.account_id} = ${accountId} ${status === undefined ? sql`` : sql`and ${jobCounts.status} = ${status}`})`;
  const unfinished = counted(and(eq(jobs.account_id, accountId), isNull(jobs.finished_at)));
  const total = () => {
    if (batchId !== undefined || metadata !== undefined) return counted(conditionOf(filter));
    if (status === undefined) return sql`${ended} + ${unfinished}`;
    return isFinal(status) ? ended : counted(conditionOf(filter));
  };
  return db.select({ total: sql<number>`${total()}`.as("total") }).from(sql`(select 1)`);
};

/** @returns the condition of a list; the account is part of it */
export function conditionOf({ accountId, status, batchId, metadata = {} }: JobFilter): SQL | undefined {
  return and(
    eq(jobs.account_id, accountId),
    status === undefined ? undefined : eq(jobs.status, status),
    batchId === undefined ? undefined : eq(jobs.batch_id, batchId),
    ...Object.entries(metadata).map(
      ([key, value]) => sql`${jobs.id} in (select ${jobMetadata.job_id} from ${jobMetadata}
        where ${jobMetadata.account_id} = ${accountId} and ${jobMetadata.key} = ${key} and ${jobMetadata.value} = ${value})`,
    ),
  );
}
