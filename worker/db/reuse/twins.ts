import { and, eq, type SQL, sql } from "drizzle-orm";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { jobMedia } from "../../../schema/db/tables/reuse.ts";
import type { Db } from "../connection.ts";
import type { GuardedStatement } from "../guarded-statements.ts";
import type { JobRow } from "../job-rows.ts";
import { runningTwin } from "./reuse-of-job.ts";

/** Jobs of an account for the same media: one of them runs, and the others wait for its file. */

/** A condition that holds while another job is fetching what this one is to fetch. */
export const hasRunningTwin = ({ id, storage_place }: Pick<JobRow, "id" | "storage_place">): SQL =>
  sql`exists (select 1 from ${jobMedia} as mine where mine.job_id = ${id} and mine.kind = 'address'
    and ${runningTwin("mine", "jobs", sql`${storage_place}`)} is not null)`;

/** A wait for a job that fetches the same media. */
export interface TwinWait {
  readonly twin: string;
  readonly dueAt: number;
  readonly enqueueDueAt: number;
}

/** Postpones a pending job while its twin runs. Returns false if either has changed; then nothing is postponed. */
export async function waitForTwin(
  db: Db,
  { id, revision }: Pick<JobRow, "id" | "revision">,
  { twin, dueAt, enqueueDueAt }: TwinWait,
): Promise<boolean> {
  const [changed] = await db.batch([
    db
      .update(jobs)
      .set({ due_at: dueAt, enqueue_due_at: enqueueDueAt })
      .where(
        and(
          eq(jobs.id, id),
          eq(jobs.revision, revision),
          eq(jobs.status, "Pending"),
          sql`exists (select 1 from ${jobs} as twin where twin.id = ${twin} and twin.status = 'Processing')`,
        ),
      )
      .returning({ id: jobs.id }),
    db
      .update(jobMedia)
      .set({ waits_for: twin, waits_until: dueAt })
      .where(and(eq(jobMedia.job_id, id), eq(jobMedia.kind, "address"))),
  ]);
  return changed.length > 0;
}

/** Jobs that wait for a run are due again, together with the move that ends it. */
export const wakeTwins =
  (jobId: string, now: number): GuardedStatement =>
  (db, guard) =>
    db
      .update(jobs)
      .set({ due_at: now, enqueue_due_at: now })
      .where(
        and(
          sql`${jobs.id} in (select waiting.job_id from ${jobMedia} as waiting
            where waiting.waits_for = ${jobId} and waiting.waits_until = ${jobs.due_at})`,
          eq(jobs.status, "Pending"),
          guard,
        ),
      );

/** Jobs that waited for a run and are due now. */
export async function findAwakened(db: Db, jobId: string, now: number, limit: number): Promise<string[]> {
  const found = await awakenedQuery(db, jobId, now, limit);
  return found.map(({ id }) => id);
}
export const awakenedQuery = (db: Db, jobId: string, now: number, limit: number) =>
  db
    .select({ id: jobs.id })
    .from(jobMedia)
    .innerJoin(jobs, eq(jobs.id, jobMedia.job_id))
    .where(and(eq(jobMedia.waits_for, jobId), sql`${jobs.status} = 'Pending' and ${jobs.due_at} <= ${now}`))
    .limit(limit);
