import { and, eq, isNull, or, type SQL, sql } from "drizzle-orm";
import { accounts } from "../../schema/db/tables/accounts.ts";
import { batches } from "../../schema/db/tables/batches.ts";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { batchQuery, countsQuery } from "./batch-rows.ts";
import type { Db } from "./connection.ts";
import type { GuardedStatement } from "./guarded-statements.ts";
import { isListing } from "./listings/listing-rows.ts";
import { concurrentJobs } from "./usage-rows.ts";

/** A batch's jobs in flight, and its end. */

interface AdvanceOptions {
  readonly now: number;
  /** Reconcile sends the dispatch messages of released jobs again after this. */
  readonly enqueueDueAt: number;
  /** Reconcile wakes the batch's object after this. */
  readonly checkDueAt: number;
  /** Maximum number of jobs in flight. */
  readonly window: number;
}

/** More jobs than are ever in flight, except for scheduled streams. */
const MAX_FLIGHT = 1_000;

/**
 * Releases as many jobs as the window and the account's limit allow, in the batch's order, and returns the state of the
 * batch afterwards. A paused, cancelled or finished batch releases nothing.
 */
export async function advanceBatch(
  db: Db,
  id: string,
  { now, enqueueDueAt, checkDueAt, window }: AdvanceOptions,
) {
  const [released, flight, [held], , [batch]] = await db.batch([
    releaseQuery(db, id, { now, enqueueDueAt, window }),
    flightQuery(db, id),
    heldQuery(db, id),
    db
      .update(batches)
      .set({ check_due_at: checkDueAt })
      .where(
        and(
          eq(batches.id, id),
          isNull(batches.finished_at),
          or(eq(batches.status, "processing"), isListing(id)),
        ),
      ),
    batchQuery(db, id),
  ]);
  return { released: released.map(({ id: jobId }) => jobId), flight, held: held !== undefined, batch };
}

export const releaseQuery = (
  db: Db,
  batchId: string,
  { now, enqueueDueAt, window }: Omit<AdvanceOptions, "checkDueAt">,
) => {
  const account = sql`(select owned.account_id from ${batches} as owned where owned.id = ${batchId})`;
  const room = sql`max(0, min(
    ${window} - (select count(*) from ${jobs} as flying where ${inFlight("flying", batchId)} and flying.step <> 'Waiting'),
    coalesce(
      (select json_extract(owner.limits, '$.max_concurrent_jobs') from ${accounts} as owner where owner.id = ${account})
        - ${concurrentJobs(account)},
      ${window})))`;
  return db
    .update(jobs)
    .set({ due_at: now, enqueue_due_at: enqueueDueAt })
    .where(
      sql`${jobs.id} in (
        select held.id from ${jobs} as held
        where held.batch_id = ${batchId} and held.status = 'Pending' and held.due_at is null
          and exists (
            select 1 from ${batches} as going
            where going.id = ${batchId} and going.status = 'processing' and going.cancelled_at is null)
        order by held.batch_index
        limit ${room})`,
    )
    .returning({ id: jobs.id });
};

/** Released, unfinished jobs. */
export const flightQuery = (db: Db, batchId: string) =>
  db.select({ id: jobs.id, step: jobs.step }).from(jobs).where(inFlight("jobs", batchId)).limit(MAX_FLIGHT);

/** One row if there is a job that the batch holds back. */
export const heldQuery = (db: Db, batchId: string) =>
  db
    .select({ id: jobs.id })
    .from(jobs)
    .where(and(eq(jobs.batch_id, batchId), sql`${jobs.status} = 'Pending'`, sql`${jobs.due_at} is null`))
    .limit(1);

/** Written like the condition of the partial index. */
function inFlight(table: string, batchId: string): SQL {
  const column = (name: string) => sql.raw(`${table}.${name}`);
  return sql`${column("batch_id")} = ${batchId} and ${column("finished_at")} is null
    and (${column("due_at")} is not null or ${column("status")} = 'Processing')`;
}

/** A batch with its counts. */
export async function readCounts(db: Db, id: string) {
  const [[batch], [counts]] = await db.batch([batchQuery(db, id), countsQuery(db, id)]);
  return batch && counts ? { batch, counts } : undefined;
}

/**
 * Ends a batch whose jobs have all ended, and writes its notifications; a second call changes nothing.
 *
 * @returns whether this call ended it
 */
export async function writeBatchEnd(
  db: Db,
  id: string,
  end: { readonly status: "completed" | "finished"; readonly finished_at: number },
  guardedStatements: readonly GuardedStatement[],
): Promise<boolean> {
  const isDone = sql`exists (
    select 1 from ${batches} as ending where ending.id = ${id} and ending.finished_at is null
      and (ending.cancelled_at is not null or not ${isListing(sql`ending.id`)})
      and not exists (select 1 from ${jobs} as flying where ${inFlight("flying", id)})
      and not exists (
        select 1 from ${jobs} as held
        where held.batch_id = ${id} and held.status = 'Pending' and held.due_at is null))`;
  const finish = db
    .update(batches)
    .set({ ...end, check_due_at: null })
    .where(and(eq(batches.id, id), isNull(batches.finished_at), isDone))
    .returning({ id: batches.id });
  const statements = [...guardedStatements.map((statement) => statement(db, isDone)), finish];
  const results = await db.batch(statements as [typeof finish]);
  return (results.at(-1) as unknown[]).length > 0;
}
