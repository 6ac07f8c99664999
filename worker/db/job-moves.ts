import { and, eq, not, notInArray, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { FINAL_STATUSES } from "../../schema/states.ts";
import type { RunHeartbeat } from "../../schema/wire/callback.ts";
import type { Db } from "./connection.ts";
import { isPreceded, type QueueFilter } from "./fair-queue.ts";
import { lastEnd } from "./fragments.ts";
import type { Guard, GuardedSetStatement, GuardedStatement } from "./guarded-statements.ts";
import type { JobRow, NewJobRow } from "./job-rows.ts";

/** Writes the columns of the state machine; only the transitions service calls this. */

/**
 * Writes a move from the state that was read, with everything that belongs to it, in one transaction.
 *
 * @param options.line the move is made only in its turn, and has no guarded statements then
 * @param options.unless the move is not made if this holds; it cannot have guarded statements either
 * @param options.computed columns that the database computes after the guarded statements took effect
 * @returns false if the job is no longer in that state, another account comes first, or `unless` holds; then nothing is changed
 */
export async function writeMove(
  db: Db,
  read: JobAsRead,
  changes: Partial<NewJobRow>,
  { guardedStatements = [], filter = null, unless, computed }: MoveOptions = {},
): Promise<boolean> {
  const guard = sql`exists (select 1 from ${jobs} where ${jobs.id} = ${read.id} and ${jobs.revision} = ${read.revision})`;
  const move = moveQuery(db, read, { ...changes, ...computed }, filter, unless);
  if (guardedStatements.length === 0) return (await move).length > 0;
  // the guarded statements come first, so that they see the state that the move is conditional on
  const [first, ...rest] = guardedStatements.map((statement) => statement(db, guard));
  const statements = [...(first ? [first] : []), ...rest, move] as [typeof move];
  const results = await db.batch(statements);
  return (results.at(-1) as { id: string }[]).length > 0;
}

/** A move without further statements. */
export interface PlainMove {
  readonly read: JobAsRead;
  readonly changes: Partial<NewJobRow>;
}

/** Writes moves of many jobs in one round trip; jobs that changed since they were read are skipped. @returns the ids of those that moved */
export async function writeMoves(db: Db, moves: readonly PlainMove[]): Promise<string[]> {
  const [first, ...others] = moves.map(({ read, changes }) => moveQuery(db, read, changes, null));
  if (!first) return [];
  const results = await db.batch([first, ...others]);
  return results.flat().map(({ id }) => id);
}

/** A condition at the moment of a move. */
export type MoveCondition = SQL;

interface MoveOptions {
  readonly guardedStatements?: readonly GuardedStatement[];
  readonly filter?: QueueFilter | null | undefined;
  readonly unless?: MoveCondition | undefined;
  readonly computed?: ComputedColumns;
}

/** Columns of a job that are computed by the statement that writes them. */
export interface ComputedColumns {
  readonly adjustments?: SQL<JobRow["adjustments"]>;
}

type JobAsRead = Pick<JobRow, "id" | "account_id" | "batch_id" | "attempt" | "revision">;

export const moveQuery = (
  db: Db,
  read: JobAsRead,
  changes: Omit<Partial<NewJobRow>, "adjustments"> & {
    readonly adjustments?: NewJobRow["adjustments"] | SQL<NewJobRow["adjustments"]> | undefined;
  },
  filter: QueueFilter | null,
  unless?: MoveCondition,
) =>
  db
    .update(jobs)
    .set({
      ...changes,
      revision: read.revision + 1,
      ...(read.batch_id !== null && typeof changes.finished_at === "number"
        ? { end_index: sql`${lastEnd(read.batch_id)} + 1` }
        : {}),
    })
    .where(
      and(
        eq(jobs.id, read.id),
        eq(jobs.attempt, read.attempt),
        eq(jobs.revision, read.revision),
        notInArray(jobs.status, [...FINAL_STATUSES]),
        filter ? not(isPreceded(read.account_id, filter)) : undefined,
        unless && not(unless),
      ),
    )
    .returning({ id: jobs.id });

/** Jobs of one batch that move together. */
export interface MovingJobs {
  readonly batchId: string;
  readonly ids: readonly string[];
}

/**
 * Ends jobs of a batch that were never claimed, with everything that belongs to it, in one transaction. Jobs that were
 * claimed meanwhile are skipped.
 *
 * @returns the ids of those that moved
 */
export async function writeEnds(
  db: Db,
  { batchId, ids }: MovingJobs,
  changes: Partial<NewJobRow>,
  guardedStatements: readonly GuardedSetStatement[],
): Promise<string[]> {
  const guard: Guard = (jobId) => sql`exists (
    select 1 from ${jobs} as guarded
    where guarded.id = ${jobId} and guarded.status = 'Pending' and guarded.attempt = 0)`;
  const move = endsQuery(db, { batchId, ids }, changes);
  const statements = [...guardedStatements.map((statement) => statement(db, guard)), move];
  const results = await db.batch(statements as [typeof move]);
  return (results.at(-1) as { id: string }[]).map(({ id }) => id);
}

export const endsQuery = (db: Db, { batchId, ids }: MovingJobs, changes: Partial<NewJobRow>) =>
  db
    .update(jobs)
    .set({
      ...changes,
      revision: sql`jobs.revision + 1`,
      end_index: sql`${lastEnd(batchId)} + moving.key + 1`,
    })
    .from(sql`json_each(${JSON.stringify(ids)}) as moving`)
    .where(
      sql`jobs.id = moving.value and jobs.batch_id = ${batchId}
        and jobs.status = 'Pending' and jobs.attempt = 0`,
    )
    .returning({ id: jobs.id });

/**
 * Extends the leases of many runs with one statement and stores their progress, which never goes back. Only claims
 * that still stand are changed; a change that watchers see raises the revision.
 *
 * @returns the claims that stand, and the previous state of jobs whose owners subscribed to progress
 */
export async function writeHeartbeats(
  db: Db,
  heartbeats: readonly RunHeartbeat[],
  leaseExpiresAt: number,
  boot?: string,
) {
  const [listeners, standing] = await db.batch([
    listenersQuery(db, heartbeats),
    heartbeatsQuery(db, heartbeats, leaseExpiresAt, boot),
  ]);
  return { standing, listeners };
}

export function listenersQuery(db: Db, heartbeats: readonly RunHeartbeat[]) {
  const ids = JSON.stringify(heartbeats.map(({ job_id }) => job_id));
  return db
    .select({
      id: jobs.id,
      account_id: jobs.account_id,
      attempt: jobs.attempt,
      step: jobs.step,
      publishing: jobs.publishing,
      request: jobs.request,
      sealed_webhook_url: jobs.sealed_webhook_url,
    })
    .from(jobs)
    .where(
      and(
        sql`${jobs.id} in (select value from json_each(${ids}))`,
        sql`${jobs.status} = 'Processing'`,
        sql`json_extract(${jobs.request}, '$.enable_progress_webhook')`,
      ),
    );
}

export function heartbeatsQuery(
  db: Db,
  heartbeats: readonly RunHeartbeat[],
  leaseExpiresAt: number,
  boot?: string,
) {
  const packed = JSON.stringify(
    heartbeats.map(({ job_id, attempt, step, progress, download_rate, title }) => ({
      job_id,
      attempt,
      step,
      progress: Math.round(progress),
      download_rate,
      title: title?.toWellFormed() ?? null,
    })),
  );
  const heartbeat = (name: string) => sql.raw(`json_extract(beat.value, '$.${name}')`);
  // a run that publishes has only the upload left
  const step = sql`iif(jobs.publishing, jobs.step, ${heartbeat("step")})`;
  const rate = sql`coalesce(${heartbeat("download_rate")}, jobs.download_rate)`;
  // the list's title of an open enclosure is better than the enclosure's own
  const title = sql`iif(jobs.media_url is null, coalesce(${heartbeat("title")}, jobs.title), coalesce(jobs.title, ${heartbeat("title")}))`;
  const isChange = sql`(
    jobs.step is not ${step} or jobs.progress < ${heartbeat("progress")}
    or jobs.download_rate is not ${rate} or jobs.title is not ${title}
  )`;
  return db
    .update(jobs)
    .set({
      lease_expires_at: leaseExpiresAt,
      ...(boot === undefined ? {} : { boot }),
      step,
      progress: sql`max(jobs.progress, ${heartbeat("progress")})`,
      download_rate: rate,
      title,
      revision: sql`jobs.revision + ${isChange}`,
    })
    .from(sql`json_each(${packed}) as beat`)
    .where(
      sql`jobs.id = ${heartbeat("job_id")} and jobs.attempt = ${heartbeat("attempt")} and jobs.status = 'Processing'`,
    )
    .returning({ id: jobs.id, attempt: jobs.attempt });
}
