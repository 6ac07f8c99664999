import { and, asc, eq, gt, inArray, isNotNull, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { KeptReason } from "../../../schema/api/operator/denied.ts";
import { jobs } from "../../../schema/db/tables/jobs.ts";
import { denials, takedownJobs } from "../../../schema/db/tables/rights.ts";
import { FINAL_STATUSES } from "../../../schema/states.ts";
import { type AuditRow, insertAudit } from "../audit-rows.ts";
import type { Db } from "../connection.ts";
import type { DenialRow } from "./denial-rows.ts";

/** Jobs that a takedown compares, matches and deals with. */

export type TakedownJobRow = typeof takedownJobs.$inferSelect;

/** What may occur in the addresses of jobs that a denial concerns. */
export interface Clues {
  readonly terms: readonly string[];
  /** Of addresses; empty if no address shows it. */
  readonly texts: readonly string[];
  readonly sha256: string | null;
}

const values = (texts: readonly string[]): SQL =>
  sql`(select value from json_each(${JSON.stringify(texts)}))`;

/**
 * Jobs that may be of a denied source, among a number of jobs after an id. A job that ended without a delivery needs
 * nothing. Addresses are stored without their secrets, so that only the jobs' marks say whether they match.
 */
export async function candidatesAfter(
  db: Db,
  { id, scanned_until }: Pick<DenialRow, "id" | "scanned_until">,
  { terms, texts, sha256 }: Clues,
  window: number,
) {
  const after = db
    .select({ id: jobs.id })
    .from(jobs)
    .where(gt(jobs.id, scanned_until))
    .orderBy(asc(jobs.id))
    .limit(window);
  const mentions = (column: typeof jobs.url | typeof jobs.media_url) =>
    sql`exists (select 1 from json_each(${JSON.stringify(texts)}) as clue where instr(lower(${column}), clue.value) > 0)`;
  const [[end], candidates] = await db.batch([
    db.select({ last: sql<string | null>`max(id)`, count: sql<number>`count(*)` }).from(after.as("compared")),
    db
      .select({
        ...{ id: jobs.id, account_id: jobs.account_id, url: jobs.url, media_url: jobs.media_url },
        ...{ sealed_urls: jobs.sealed_urls, details: jobs.details, sha256: jobs.sha256 },
      })
      .from(jobs)
      .where(
        and(
          inArray(jobs.id, after),
          sql`${jobs.status} not in ('Failed', 'Warning', 'Skipped')`,
          sql`(${mentions(jobs.url)} or ${mentions(jobs.media_url)} or ${jobs.sha256} = ${sha256}
            or exists (select 1 from json_each(${jobs.details}, '$.marks') as mark where mark.value in ${values(terms)})
            or json_extract(${jobs.details}, '$.copied_from') in (
              select ${takedownJobs.job_id} from ${takedownJobs} where ${takedownJobs.denial_id} = ${id}))`,
        ),
      ),
  ]);
  return { candidates, last: end?.last ?? null, isLast: (end?.count ?? 0) < window };
}

/** Which jobs were matched before. */
export async function matchedAmong(db: Db, denialId: string, ids: readonly string[]): Promise<Set<string>> {
  const found = await db
    .select({ id: takedownJobs.job_id })
    .from(takedownJobs)
    .where(and(eq(takedownJobs.denial_id, denialId), sql`${takedownJobs.job_id} in ${values(ids)}`));
  return new Set(found.map(({ id }) => id));
}

/** Stores the matches of a page of jobs, together with the fact that the page was compared. */
export async function noteMatches(
  db: Db,
  { id, scanned_until: before }: Pick<DenialRow, "id" | "scanned_until">,
  matches: readonly string[],
  page: { readonly scanned_until: string; readonly scanned_at: number | null; readonly now: number },
): Promise<void> {
  const isAsRead = and(eq(denials.id, id), eq(denials.scanned_until, before));
  await db.batch([
    db
      .insert(takedownJobs)
      .select(
        sql`select ${id}, matched.value, 'matched', null, 0, 0, ${page.now}, ${page.now}
          from json_each(${JSON.stringify(matches)}) as matched
          where exists (select 1 from ${denials} where ${isAsRead})`,
      )
      .onConflictDoNothing(),
    db
      .update(denials)
      .set({ scanned_until: page.scanned_until, scanned_at: page.scanned_at })
      .where(isAsRead),
  ]);
}

/** Jobs that were matched and are due, the earliest first. */
export const dueTakedownJobs = (db: Db, denialId: string, now: number, limit: number) =>
  db
    .select()
    .from(takedownJobs)
    .where(
      and(
        eq(takedownJobs.denial_id, denialId),
        isNotNull(takedownJobs.due_at),
        lte(takedownJobs.due_at, now),
      ),
    )
    .orderBy(asc(takedownJobs.due_at))
    .limit(limit);

/** When the next matched job is due; null if none is left. */
export async function nextTakedownJob(db: Db, denialId: string): Promise<number | null> {
  const [first] = await db
    .select({ due_at: takedownJobs.due_at })
    .from(takedownJobs)
    .where(and(eq(takedownJobs.denial_id, denialId), isNotNull(takedownJobs.due_at)))
    .orderBy(asc(takedownJobs.due_at))
    .limit(1);
  return first?.due_at ?? null;
}

/** Looks at a job again later. */
export const postponeTakedownJob = (
  db: Db,
  { denial_id, job_id, tries }: TakedownJobRow,
  dueAt: number,
  failed: boolean,
) =>
  db
    .update(takedownJobs)
    .set({ due_at: dueAt, tries: failed ? tries + 1 : tries })
    .where(isRow({ denial_id, job_id }));

const isRow = ({ denial_id, job_id }: Pick<TakedownJobRow, "denial_id" | "job_id">) =>
  and(eq(takedownJobs.denial_id, denial_id), eq(takedownJobs.job_id, job_id));

/** How a matched job was dealt with. */
export interface Settled {
  readonly state: Exclude<TakedownJobRow["state"], "matched">;
  readonly reason?: KeptReason;
  readonly objects?: number;
  readonly now: number;
}

/**
 * Records how a matched job was dealt with, with everything that belongs to it, in one transaction.
 *
 * @param statements get the condition that the job had not been settled before
 */
export async function settleTakedownJob(
  db: Db,
  row: TakedownJobRow,
  { state, reason, objects = 0, now }: Settled,
  statements: (isOpen: SQL) => readonly BatchItem<"sqlite">[] = () => [],
): Promise<void> {
  const isOpen = sql`exists (select 1 from ${takedownJobs} where ${isRow(row)} and ${takedownJobs.due_at} is not null)`;
  const settle = db
    .update(takedownJobs)
    .set({ state, reason: reason ?? null, objects, due_at: null, updated_at: now })
    .where(and(isRow(row), isNotNull(takedownJobs.due_at)));
  await db.batch([...statements(isOpen), settle] as unknown as [typeof settle]);
}

/** Marks a job that had been delivered as denied; its state does not change. Watchers see it. */
export const markDenied = (
  db: Db,
  jobId: string,
  { subject, now }: { readonly subject: string; readonly now: number },
  isOpen: SQL,
) =>
  db
    .update(jobs)
    .set({
      error_code: "denied",
      details: sql`json_set(coalesce(${jobs.details}, '{}'), '$.error_subject', ${subject}, '$.denied_at', ${now})`,
      ...{ links: null, links_expire_at: null },
      revision: sql`${jobs.revision} + 1`,
    })
    .where(and(eq(jobs.id, jobId), inArray(jobs.status, [...FINAL_STATUSES]), isOpen));

/** Ends a takedown of which nothing is left to be done. @returns whether it did so */
export async function finishTakedown(db: Db, id: string, now: number, audit: AuditRow): Promise<boolean> {
  const isDone = sql`exists (select 1 from ${denials} where ${denials.id} = ${id}
    and ${denials.takedown_at} is not null and ${denials.takedown_finished_at} is null
    and ${denials.scanned_at} is not null and not exists (
      select 1 from ${takedownJobs} where ${takedownJobs.denial_id} = ${id} and ${takedownJobs.due_at} is not null))`;
  const [, finished] = await db.batch([
    insertAudit(db, audit, isDone),
    db
      .update(denials)
      .set({ takedown_finished_at: now })
      .where(and(eq(denials.id, id), isNull(denials.takedown_finished_at), isDone))
      .returning({ id: denials.id }),
  ]);
  return finished.length > 0;
}

/** Numbers of matched jobs by denial and state, and of objects that were deleted. */
export const takedownCountsQuery = (db: Db, ids: readonly string[]) =>
  db
    .select({
      denial_id: takedownJobs.denial_id,
      state: takedownJobs.state,
      jobs: sql<number>`count(*)`,
      objects: sql<number>`sum(${takedownJobs.objects})`,
    })
    .from(takedownJobs)
    .where(sql`${takedownJobs.denial_id} in ${values(ids)}`)
    .groupBy(takedownJobs.denial_id, takedownJobs.state);

/** Jobs of a takedown after a cursor, newest first. */
export const takedownJobPageQuery = (
  db: Db,
  denialId: string,
  {
    state,
    cursor,
  }: {
    readonly state?: TakedownJobRow["state"] | undefined;
    readonly cursor?: string | undefined;
  },
  limit: number,
) =>
  db
    .select({ row: takedownJobs, account_id: jobs.account_id })
    .from(takedownJobs)
    .leftJoin(jobs, eq(jobs.id, takedownJobs.job_id))
    .where(
      and(
        eq(takedownJobs.denial_id, denialId),
        state === undefined ? undefined : eq(takedownJobs.state, state),
        cursor === undefined ? undefined : lt(takedownJobs.job_id, cursor),
      ),
    )
    .orderBy(sql`${takedownJobs.job_id} desc`)
    .limit(limit);
