import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import {
  clearRemains,
  dueAccountsQuery,
  noteSwept,
  type OldRows,
  oldAuditQuery,
  oldBatchesQuery,
  oldJobsQuery,
  oldRemainsQuery,
  removeAuditQuery,
  removeBatchesQuery,
  removeJobsQuery,
  removeListingsQuery,
  removeMediaQuery,
} from "../../db/retention-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { abortUpload, eraseRecording } from "../storage/orphaned-uploads.ts";
import { archive } from "./archive.ts";

/**
 * Removes rows that are older than the account's retention time. Each account is swept once a day: first batches, then
 * jobs that no batch refers to, then audit entries. When the budget is spent, the next run does the rest.
 */

const DAY_MS = 24 * 60 * 60_000;
/** Accounts that one run sweeps. */
const ACCOUNTS = 20;
/** Rows that are read, archived and removed together. At 8 KB a row, a page takes a few megabytes. */
const PAGE = 200;
/** Recordings and uploads that one run removes from storages. */
const REMAINS = 4;
/** The owner of entries that belong to no account. */
const NO_ACCOUNT = "";

/** @returns how many rows were removed */
export async function removeOldRows(context: RequestContext, budget: PageBudget): Promise<number> {
  const now = context.clock();
  const accounts = await dueAccountsQuery(context.db, now - DAY_MS, ACCOUNTS);
  let removed = 0;
  const { jobRetentionDays } = context.config;
  // the operator's own entries belong to no account that is swept daily; there are few of them
  if (accounts.length > 0 && jobRetentionDays > 0) {
    removed += (await removeAudit(context, oldRows(NO_ACCOUNT, now, jobRetentionDays), budget)).removed;
  }
  for (const { id, limits } of accounts) {
    if (budget.isSpent()) break;
    const days = limits.job_retention_days ?? jobRetentionDays;
    const swept = days === 0 ? NOTHING : await sweep(context, oldRows(id, now, days), budget);
    removed += swept.removed;
    if (swept.isDone) await noteSwept(context.db, id, now);
  }
  return removed;
}

interface Swept {
  readonly removed: number;
  /** True if nothing old is left that could be removed today. */
  readonly isDone: boolean;
}
const NOTHING: Swept = { removed: 0, isDone: true };

const oldRows = (accountId: string, now: number, days: number): OldRows => ({
  accountId,
  before: now - days * DAY_MS,
  limit: PAGE,
});

async function sweep(context: RequestContext, old: OldRows, budget: PageBudget): Promise<Swept> {
  let removed = 0;
  let isDone = true;
  for (const part of [removeRemains, removeBatches, removeJobs, removeAudit]) {
    const swept = await part(context, old, budget);
    removed += swept.removed;
    isDone &&= swept.isDone;
  }
  return { removed, isDone };
}

/** A page of rows, oldest first. */
interface RowPage {
  readonly rows: readonly { readonly id: string }[];
  /** When the first and the last of them ended. */
  readonly from: number;
  readonly until: number;
}

/** Archives and removes page after page. */
async function removePages(
  context: RequestContext,
  { accountId, limit }: OldRows,
  budget: PageBudget,
  kind: "jobs" | "batches" | "audit",
  read: (from: number) => Promise<RowPage>,
  remove: (rows: RowPage["rows"]) => Promise<unknown>,
): Promise<Swept> {
  let removed = 0;
  for (let from = 0; !budget.isSpent(); ) {
    const page = await read(from);
    if (page.rows.length > 0) {
      await archive(context, { accountId, kind, rows: page.rows, from: page.from });
      await remove(page.rows);
      removed += page.rows.length;
      from = page.until;
    }
    if (page.rows.length < limit) return { removed, isDone: true };
  }
  return { removed, isDone: false };
}

function pageOf<T extends { readonly id: string }>(
  rows: readonly T[],
  endOf: (row: T) => number | null,
): RowPage {
  const [first, last] = [rows[0], rows.at(-1)];
  return { rows, from: (first && endOf(first)) ?? 0, until: (last && endOf(last)) ?? 0 };
}

const removeBatches = (context: RequestContext, old: OldRows, budget: PageBudget): Promise<Swept> =>
  removePages(
    context,
    old,
    budget,
    "batches",
    async () => pageOf(await oldBatchesQuery(context.db, old), ({ finished_at }) => finished_at),
    (rows) => context.db.batch([removeBatchesQuery(context.db, rows), removeListingsQuery(context.db, rows)]),
  );

const removeJobs = (context: RequestContext, old: OldRows, budget: PageBudget): Promise<Swept> =>
  removePages(
    context,
    old,
    budget,
    "jobs",
    async (from) =>
      pageOf(await oldJobsQuery(context.db, { ...old, from }), ({ finished_at }) => finished_at),
    (rows) => context.db.batch([removeJobsQuery(context.db, rows), removeMediaQuery(context.db, rows)]),
  );

const removeAudit = (context: RequestContext, old: OldRows, budget: PageBudget): Promise<Swept> =>
  removePages(
    context,
    old,
    budget,
    "audit",
    async () => pageOf(await oldAuditQuery(context.db, old), ({ at }) => at),
    (rows) => removeAuditQuery(context.db, rows),
  );

/**
 * A recording that could not be joined into a file stays in its storage until its job is removed. So does an upload
 * that could not be aborted.
 */
async function removeRemains(context: RequestContext, old: OldRows): Promise<Swept> {
  const jobs = await oldRemainsQuery(context.db, { ...old, from: 0, limit: REMAINS });
  const pieces = await Promise.all(jobs.map((job) => removeRemainsOf(context, job)));
  return { removed: 0, isDone: pieces.every((count) => count === 0) && jobs.length < REMAINS };
}

/** @returns how many pieces were deleted; if there were any, more may be left */
async function removeRemainsOf(context: RequestContext, job: JobRow): Promise<number> {
  try {
    await abortUpload(context, job, { isFinal: true });
    const pieces = job.recording_key === null ? 0 : await eraseRecording(context, job);
    if (pieces > 0) return pieces;
  } catch (error) {
    // it could have been aborted at any time while the job existed
    context.log("remains_left", { job_id: job.id, error: describeError(error) });
  }
  await clearRemains(context.db, job.id);
  return 0;
}
