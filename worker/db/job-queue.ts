import {
  and,
  asc,
  count,
  desc,
  eq,
  gte,
  inArray,
  isNotNull,
  isNull,
  lte,
  ne,
  notInArray,
  or,
  sql,
} from "drizzle-orm";
import { jobs } from "../../schema/db/tables/jobs.ts";
import { RECORDING_KEPT } from "../../schema/errors.ts";
import type { Db } from "./connection.ts";
import type { NewJobRow } from "./job-rows.ts";

/** Queries of the dispatcher and of reconcile: what is due, what fell silent, and what was left behind. */

/** How many jobs of all accounts are due; counting stops at `most`. */
export async function countDue(db: Db, now: number, most: number): Promise<number> {
  return (await dueCountQuery(db, now, most))[0]?.due ?? 0;
}
export const dueCountQuery = (db: Db, now: number, most: number) =>
  db.select({ due: count() }).from(
    db
      .select({ id: jobs.id })
      .from(jobs)
      .where(and(sql`${jobs.status} = 'Pending'`, lte(jobs.due_at, now)))
      .limit(most)
      .as("due"),
  );

/** Since when the job that has waited longest has been due; null if none is due. */
export async function oldestDue(db: Db, now: number): Promise<number | null> {
  return (await oldestDueQuery(db, now))[0]?.due_at ?? null;
}
export const oldestDueQuery = (db: Db, now: number) =>
  db
    .select({ due_at: jobs.due_at })
    .from(jobs)
    .where(and(sql`${jobs.status} = 'Pending'`, lte(jobs.due_at, now)))
    .orderBy(asc(jobs.due_at))
    .limit(1);

/**
 * Takes up to `limit` pending jobs whose dispatch message is overdue and postpones their next dispatch message until
 * `again`.
 */
export async function takeOverdueDispatches(
  db: Db,
  { now, again, limit }: { now: number; again: number; limit: number },
): Promise<string[]> {
  return (await overdueDispatchesQuery(db, now, again, limit)).map(({ id }) => id);
}
export const overdueDispatchesQuery = (db: Db, now: number, again: number, limit: number) =>
  db
    .update(jobs)
    .set({ enqueue_due_at: again })
    .where(
      inArray(
        jobs.id,
        db
          .select({ id: jobs.id })
          .from(jobs)
          .where(and(sql`${jobs.status} = 'Pending'`, lte(jobs.enqueue_due_at, now), lte(jobs.due_at, now)))
          .orderBy(asc(jobs.enqueue_due_at))
          .limit(limit),
      ),
    )
    .returning({ id: jobs.id });

/** Claims whose lease has expired, the oldest first. */
export async function findExpiredLeases(db: Db, now: number, limit: number) {
  return expiredLeasesQuery(db, now, limit);
}
export const expiredLeasesQuery = (db: Db, now: number, limit: number) =>
  db
    .select()
    .from(jobs)
    .where(and(sql`${jobs.status} = 'Processing'`, lte(jobs.lease_expires_at, now)))
    .orderBy(asc(jobs.lease_expires_at))
    .limit(limit);

/** Runs of a process that is gone: of this boot, or of any former one of an instance with a unique name. */
export async function findRunsOfBoot(
  db: Db,
  {
    boot,
    former,
    limit,
  }: {
    readonly boot: string | null;
    readonly former: { readonly runner: string; readonly boot: string } | null;
    readonly limit: number;
  },
) {
  return runsOfBootQuery(db, boot, former, limit);
}
export const runsOfBootQuery = (
  db: Db,
  boot: string | null,
  former: { readonly runner: string; readonly boot: string } | null,
  limit: number,
) =>
  db
    .select()
    .from(jobs)
    .where(
      and(
        sql`${jobs.status} = 'Processing'`,
        isNotNull(jobs.lease_expires_at),
        or(
          eq(jobs.boot, boot ?? ""),
          former ? and(eq(jobs.runner, former.runner), ne(jobs.boot, former.boot)) : undefined,
        ),
      ),
    )
    .orderBy(asc(jobs.lease_expires_at))
    .limit(limit);

/** A period of time in epoch milliseconds. */
interface Window {
  readonly from: number;
  readonly until: number;
}

const within = ({ from, until }: Window) => [
  isNotNull(jobs.finished_at),
  gte(jobs.finished_at, from),
  lte(jobs.finished_at, until),
];

/** Who owns the bucket in which something was left. */
const PLACE = {
  id: jobs.id,
  account_id: jobs.account_id,
  storage_source: jobs.storage_source,
  storage_place: jobs.storage_place,
};

/**
 * Jobs that ended in the window and still name an unfinished upload; newest first, so that old failures do not hold up
 * new ones.
 */
export async function findOrphanedUploads(db: Db, ended: Window, limit: number) {
  return orphanedUploadsQuery(db, ended, limit);
}
export const orphanedUploadsQuery = (db: Db, ended: Window, limit: number) =>
  db
    .select({ ...PLACE, upload_key: jobs.upload_key, upload_ref: jobs.upload_ref })
    .from(jobs)
    .where(and(isNotNull(jobs.upload_ref), ...within(ended)))
    .orderBy(desc(jobs.finished_at))
    .limit(limit);

/** Jobs that ended in the window and whose recording may have left pieces that are no longer needed; newest first. */
export async function findRecordings(db: Db, ended: Window, limit: number) {
  return recordingsQuery(db, ended, limit);
}
export const recordingsQuery = (db: Db, ended: Window, limit: number) =>
  db
    .select({ ...PLACE, recording_key: jobs.recording_key })
    .from(jobs)
    .where(
      and(
        isNotNull(jobs.recording_key),
        or(isNull(jobs.error_code), notInArray(jobs.error_code, [...RECORDING_KEPT])),
        ...within(ended),
      ),
    )
    .orderBy(desc(jobs.finished_at))
    .limit(limit);

/** Records that no piece of a recording is left, or that the rest cannot be deleted. */
export async function clearRecording(db: Db, id: string): Promise<void> {
  await db.update(jobs).set({ recording_key: null }).where(eq(jobs.id, id));
}

/** Removes links that have expired; returns how many jobs had them. */
export async function clearExpiredLinks(db: Db, now: number, limit: number): Promise<number> {
  return (await expiredLinksQuery(db, now, limit)).length;
}
export const expiredLinksQuery = (db: Db, now: number, limit: number) =>
  db
    .update(jobs)
    .set({ links: null, links_expire_at: null })
    .where(
      inArray(
        jobs.id,
        db.select({ id: jobs.id }).from(jobs).where(lte(jobs.links_expire_at, now)).limit(limit),
      ),
    )
    .returning({ id: jobs.id });

/** Records that an unfinished upload was aborted, unless a later run has named another one meanwhile. */
export async function clearUpload(db: Db, id: string, ref: string): Promise<void> {
  await db
    .update(jobs)
    .set({ upload_key: null, upload_ref: null })
    .where(and(eq(jobs.id, id), eq(jobs.upload_ref, ref)));
}

/** Records that another instance than the preferred one accepted the claim. */
export async function setRunner(db: Db, id: string, attempt: number, runner: string): Promise<void> {
  await db
    .update(jobs)
    .set({ runner })
    .where(and(eq(jobs.id, id), eq(jobs.attempt, attempt)));
}

/** Records the upload that a run began. Returns false when the run no longer owns the job. */
export const noteUpload = (
  db: Db,
  id: string,
  attempt: number,
  upload: { key: string; ref: string },
): Promise<boolean> => note(db, id, attempt, { upload_key: upload.key, upload_ref: upload.ref });

/** Records where the pieces of a recording will be. Returns false when the run no longer owns the job. */
export const noteRecording = (db: Db, id: string, attempt: number, key: string): Promise<boolean> =>
  note(db, id, attempt, { recording_key: key });

/** Records facts of a run's source. Returns false when the run no longer owns the job. */
export const noteDetails = (
  db: Db,
  id: string,
  attempt: number,
  details: NewJobRow["details"],
): Promise<boolean> => note(db, id, attempt, { details });

async function note(
  db: Db,
  id: string,
  attempt: number,
  facts: Pick<NewJobRow, "upload_key" | "upload_ref" | "recording_key" | "details">,
): Promise<boolean> {
  const changed = await db
    .update(jobs)
    .set(facts)
    .where(and(eq(jobs.id, id), eq(jobs.attempt, attempt), eq(jobs.status, "Processing")))
    .returning({ id: jobs.id });
  return changed.length > 0;
}

/** Those of these jobs that were cancelled, or whose source the operator denied: nothing is kept for a successor. */
export async function findCancelled(db: Db, ids: readonly string[]): Promise<string[]> {
  const found = await db
    .select({ id: jobs.id })
    .from(jobs)
    .where(
      and(
        inArray(jobs.id, sql`(select value from json_each(${JSON.stringify(ids)}))`),
        sql`${jobs.error_code} in ('cancelled', 'denied')`,
      ),
    );
  return found.map(({ id }) => id);
}
