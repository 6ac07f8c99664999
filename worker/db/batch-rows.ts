import { and, asc, desc, eq, getTableColumns, gt, inArray, isNull, lte, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { batches } from "../../schema/db/tables/batches.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { FINAL_STATUSES } from "../../schema/states.ts";
import { jsonPages } from "../lib/json-pages.ts";
import type { Db } from "./connection.ts";
import { type CredentialsRow, insertCredentials } from "./credentials.ts";
import type { GuardedSetStatement } from "./guarded-statements.ts";
import { type JobRow, type JobsToStore, jobsInsert, unfinishedOf } from "./job-rows.ts";
import {
  type BatchListingRow,
  cancelListing,
  insertListing,
  type ListingFacts,
  listingFacts,
} from "./listings/listing-rows.ts";
import { insertMedia, type WantedMedia } from "./reuse/wanted-media.ts";
import { type Allowance, admission } from "./usage-rows.ts";

/** Queries for callers' batches: shows, playlists and bulk requests. */

export type BatchRow = typeof batches.$inferSelect;
export type NewBatchRow = typeof batches.$inferInsert;
/** A batch with how far its list was read; null for a list that the request read whole. */
export type FoundBatch = BatchRow & { readonly listing: ListingFacts | null };

/** Jobs of a batch as they are stored. */
export interface EntriesToStore {
  readonly jobs: JobsToStore;
  readonly credentials: readonly CredentialsRow[];
  /** Usage and notifications of jobs that are stored as ended. */
  readonly guardedStatements: readonly GuardedSetStatement[];
  /** What jobs fetch that may copy files of earlier ones. */
  readonly media: readonly WantedMedia[];
  /** See {@link heldAllowance}. */
  readonly held: Allowance | null;
}

/** A batch as it is stored. */
export interface BatchToStore extends Omit<EntriesToStore, "held"> {
  readonly batch: NewBatchRow;
  /** Where to read on, if the list was not read to its end. */
  readonly listing: BatchListingRow | null;
  readonly allowance: Allowance | null;
}

/** Held jobs count towards the storage quota, but towards the concurrent jobs only when they are released. */
export const heldAllowance = (allowance: Allowance | null): Allowance | null =>
  allowance?.quota ? { ...allowance, maxConcurrent: null } : null;

/**
 * Stores a batch with any number of jobs in one transaction.
 *
 * @returns false if the batch exists already or does not fit into the allowance; then nothing is stored
 */
export async function insertBatch(
  db: Db,
  { batch, listing, jobs: toStore, credentials, guardedStatements, allowance, media }: BatchToStore,
): Promise<boolean> {
  const held = heldAllowance(allowance);
  const open = openInsert(db, batch, admission(held, unfinishedOf(toStore.rows)).condition);
  const isOpen = sql`exists (select 1 from ${batches} where ${batches.id} = ${batch.id} and ${batches.total} = ${UNCOUNTED})`;
  const close = db
    .update(batches)
    .set({ total: batch.total })
    .where(and(eq(batches.id, batch.id), eq(batches.total, UNCOUNTED)));
  const statements = [
    open,
    ...(listing ? [insertListing(db, listing, isOpen)] : []),
    ...entriesStatements(db, { jobs: toStore, credentials, guardedStatements, media, held }, isOpen),
    close,
  ];
  const [opened] = await db.batch(statements as unknown as [typeof open]);
  return opened.length > 0;
}

/** Statements that store jobs of a batch with everything that belongs to them, if the guard holds. */
export function entriesStatements(db: Db, entries: EntriesToStore, guard: SQL): BatchItem<"sqlite">[] {
  const { jobs: toStore, credentials, guardedStatements, media, held } = entries;
  let left = unfinishedOf(toStore.rows);
  const inserts = jsonPages(toStore.rows).map((page) => {
    // the ends of each statement count from the last one before it
    let ends = 0;
    const rows = page.map((row) => (row.end_index == null ? row : { ...row, end_index: ++ends }));
    const insert = jobsInsert(db, { ...toStore, rows }, guard, admission(held, left).reservedBytes);
    left -= unfinishedOf(rows);
    return insert;
  });
  return [
    ...guardedStatements.map((statement) => statement(db, () => guard)),
    ...inserts,
    ...jsonPages(credentials).map((page) => insertCredentials(db, page)),
    ...jsonPages(media).map((page) => insertMedia(db, JSON.stringify(page))),
  ];
}

/** Instead of the number of jobs, until they are stored. */
const UNCOUNTED = -1;

/** The row without its jobs: until they are counted, other statements treat it as closed. */
function openInsert(db: Db, batch: NewBatchRow, condition: SQL) {
  const { metadata, webhook_events } = batch;
  const row: Record<string, unknown> = {
    ...{ revision: 0, ...batch, total: UNCOUNTED },
    metadata: metadata && JSON.stringify(metadata),
    webhook_events: webhook_events && JSON.stringify(webhook_events),
  };
  const values = Object.keys(getTableColumns(batches)).map((name) => sql`${row[name] ?? null}`);
  return db
    .insert(batches)
    .select(sql`select ${sql.join(values, sql`, `)} where ${condition}`)
    .onConflictDoNothing()
    .returning({ id: batches.id });
}

/** A batch, regardless of its owner. */
export async function findBatch(db: Db, id: string): Promise<FoundBatch | undefined> {
  return (await batchQuery(db, id))[0];
}
export const batchQuery = (db: Db, id: string) =>
  db
    .select({ ...getTableColumns(batches), listing: listingFacts })
    .from(batches)
    .where(eq(batches.id, id));

/** A batch of this account. */
export async function findBatchOf(db: Db, accountId: string, id: string): Promise<FoundBatch | undefined> {
  const row = await findBatch(db, id);
  return row?.account_id === accountId ? row : undefined;
}

/** How many jobs of a batch are in each status. */
export interface BatchCounts {
  readonly completed: number;
  /** `Failed` and `Warning`. */
  readonly failed: number;
  readonly skipped: number;
  readonly processing: number;
  readonly pending: number;
}

export const countsQuery = (db: Db, batchId: string) => {
  // in a batch of statements, columns with the same name would be merged
  const countAs = (name: keyof BatchCounts, ...statuses: JobRow["status"][]) =>
    sql<number>`count(*) filter (where ${inArray(jobs.status, statuses)})`.as(name);
  return db
    .select({
      completed: countAs("completed", "Completed"),
      failed: countAs("failed", "Failed", "Warning"),
      skipped: countAs("skipped", "Skipped"),
      processing: countAs("processing", "Processing"),
      pending: countAs("pending", "Pending"),
    })
    .from(jobs)
    .where(eq(jobs.batch_id, batchId));
};

/** A batch of this account with its counts and the ids of its jobs, in the source's order. */
export async function readBatch(db: Db, accountId: string, id: string) {
  const [[batch], [counts], [order]] = await db.batch([
    batchQuery(db, id),
    countsQuery(db, id),
    orderQuery(db, id),
  ]);
  if (batch?.account_id !== accountId || !counts) return undefined;
  return { batch, counts, jobIds: JSON.parse(order?.ids ?? "[]") as string[] };
}

/** One row with all ids: transferring thousands of rows would take longer than finding them. */
export const orderQuery = (db: Db, batchId: string) => {
  const inOrder = db
    .select({ id: jobs.id })
    .from(jobs)
    .where(eq(jobs.batch_id, batchId))
    .orderBy(asc(jobs.batch_index))
    .as("in_order");
  return db.select({ ids: sql<string>`json_group_array(${inOrder.id})`.as("ids") }).from(inOrder);
};

/** What the response to the creation of a batch reports of its jobs, in the source's order. */
export const summariesQuery = (db: Db, batchId: string, limit: number) =>
  db
    .select({
      id: jobs.id,
      url: jobs.url,
      title: jobs.title,
      description: jobs.description,
      release_date: jobs.release_date,
      adjustments: jobs.adjustments,
    })
    .from(jobs)
    .where(eq(jobs.batch_id, batchId))
    .orderBy(asc(jobs.batch_index))
    .limit(limit);
export type JobSummary = Awaited<ReturnType<typeof summariesQuery>>[number];

/** For a watcher: a batch with its counts, and the jobs that ended after the last end that was seen. */
export async function readBatchChanges(db: Db, id: string, seen: number, limit: number) {
  const [[batch], [counts], ends, [last]] = await db.batch([
    batchQuery(db, id),
    countsQuery(db, id),
    endsAfterQuery(db, id, seen, limit),
    lastEndQuery(db, id),
  ]);
  return batch && counts ? { batch, counts, ends, lastEnd: last?.end_index ?? 0 } : undefined;
}

export const lastEndQuery = (db: Db, batchId: string) =>
  db
    .select({ end_index: sql<number>`${jobs.end_index}`.as("end_index") })
    .from(jobs)
    .where(and(eq(jobs.batch_id, batchId), sql`${jobs.end_index} is not null`))
    .orderBy(desc(jobs.end_index))
    .limit(1);

export const endsAfterQuery = (db: Db, batchId: string, seen: number, limit: number) =>
  db
    .select({
      job_id: jobs.id,
      url: jobs.url,
      title: jobs.title,
      status: jobs.status,
      error_code: jobs.error_code,
      end_index: sql<number>`${jobs.end_index}`.as("end_index"),
    })
    .from(jobs)
    .where(and(eq(jobs.batch_id, batchId), sql`${jobs.end_index} is not null`, gt(jobs.end_index, seen)))
    .orderBy(asc(jobs.end_index))
    .limit(limit);

/** Starts a paused batch. Undefined if it is not this account's, or not paused. */
export async function startBatch(
  db: Db,
  accountId: string,
  id: string,
  { now, checkDueAt }: { now: number; checkDueAt: number },
): Promise<BatchRow | undefined> {
  const [started] = await db
    .update(batches)
    .set({ status: "processing", started_at: now, check_due_at: checkDueAt })
    .where(and(eq(batches.id, id), eq(batches.account_id, accountId), eq(batches.status, "paused")))
    .returning();
  return started;
}

/** Stops a batch from starting further jobs and from reading its list. Undefined if it is not this account's, or has ended. */
export async function markCancelled(
  db: Db,
  accountId: string,
  id: string,
  { now, checkDueAt }: { now: number; checkDueAt: number },
): Promise<BatchRow | undefined> {
  const [[marked]] = await db.batch([
    db
      .update(batches)
      .set({
        status: "processing",
        cancelled_at: sql`coalesce(${batches.cancelled_at}, ${now})`,
        check_due_at: checkDueAt,
      })
      .where(and(eq(batches.id, id), eq(batches.account_id, accountId), isNull(batches.finished_at)))
      .returning(),
    cancelListing(db, id),
  ]);
  return marked;
}

/** Jobs of a batch that were never claimed, in its order, after a position; without their descriptions. */
export const untouchedQuery = (db: Db, batchId: string, after: number, limit: number) =>
  db
    .select({ ...getTableColumns(jobs), description: sql<null>`null` })
    .from(jobs)
    .where(
      and(
        eq(jobs.batch_id, batchId),
        gt(jobs.batch_index, after),
        sql`${jobs.status} = 'Pending'`,
        eq(jobs.attempt, 0),
      ),
    )
    .orderBy(asc(jobs.batch_index))
    .limit(limit);

/** Jobs of a batch that were claimed and have not ended. */
export const claimedQuery = (db: Db, batchId: string, limit: number) =>
  db
    .select()
    .from(jobs)
    .where(
      and(
        eq(jobs.batch_id, batchId),
        isNull(jobs.finished_at),
        sql`(${jobs.due_at} is not null or ${jobs.status} = 'Processing')`,
        gt(jobs.attempt, 0),
      ),
    )
    .limit(limit);

/** The columns that renaming needs. */
export const namesQuery = (db: Db, batchId: string) =>
  db
    .select({ id: jobs.id, filename: jobs.filename, status: jobs.status })
    .from(jobs)
    .where(eq(jobs.batch_id, batchId));

/**
 * Renames jobs of a batch, if it is still paused and no other request has renamed since it was read.
 *
 * @returns false if it was changed meanwhile; then nothing is changed
 */
export async function renameJobs(
  db: Db,
  { id, revision }: Pick<BatchRow, "id" | "revision">,
  names: readonly { readonly id: string; readonly filename: string }[],
): Promise<boolean> {
  const read = { id, revision };
  const note = db
    .update(batches)
    .set({ revision: revision + 1 })
    .where(isAsRead(read))
    .returning({ id: batches.id });
  const renames = jsonPages(names).map((page) => renamesQuery(db, read, page));
  const results = await db.batch([...renames, note] as unknown as [typeof note]);
  return (results.at(-1) as unknown[]).length > 0;
}

const isAsRead = ({ id, revision }: Pick<BatchRow, "id" | "revision">) =>
  and(eq(batches.id, id), eq(batches.revision, revision), eq(batches.status, "paused"));

export const renamesQuery = (
  db: Db,
  read: Pick<BatchRow, "id" | "revision">,
  names: readonly { readonly id: string; readonly filename: string }[],
) =>
  db
    .update(jobs)
    .set({ filename: sql`json_extract(name.value, '$.filename')`, revision: sql`jobs.revision + 1` })
    .from(sql`json_each(${JSON.stringify(names)}) as name`)
    .where(
      sql`jobs.id = json_extract(name.value, '$.id') and jobs.batch_id = ${read.id}
        and jobs.status not in ${[...FINAL_STATUSES]} and exists (select 1 from ${batches} where ${isAsRead(read)})`,
    );

/** Takes up to `limit` unfinished batches whose object was silent for too long, and postpones their next check. */
export const overdueBatchesQuery = (db: Db, now: number, again: number, limit: number) =>
  db
    .update(batches)
    .set({ check_due_at: again })
    .where(
      inArray(
        batches.id,
        db
          .select({ id: batches.id })
          .from(batches)
          .where(and(sql`${batches.finished_at} is null`, lte(batches.check_due_at, now)))
          .orderBy(asc(batches.check_due_at))
          .limit(limit),
      ),
    )
    .returning({ id: batches.id });
