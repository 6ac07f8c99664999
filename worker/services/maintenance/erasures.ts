import type { RequestContext } from "../../context.ts";
import { eraseDeliveries } from "../../db/delivery-rows.ts";
import { removeHealth } from "../../db/exits/health-rows.ts";
import { removeTrials } from "../../db/exits/trial-rows.ts";
import { type ExpiryCursor, expiredQuery } from "../../db/expiry-rows.ts";
import { eraseRequests } from "../../db/idempotency-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { removeExitRuns } from "../../db/metrics/statistics.ts";
import { beginErasureQuery, finishErasure, giveUpErasure } from "../../db/object-owners.ts";
import { eachPage, type PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { firstUuidOf } from "../../lib/uuid.ts";
import { TRIALS_MS } from "../exits/backoff-memory.ts";
import { RESPONSE_KEPT_MS } from "../intake/run-once.ts";
import { ERASURE_MS } from "../jobs/delete-file.ts";
import { DAY_MS, WINDOW_MS } from "../runs/run-counts.ts";
import { deliveredKeys } from "../storage/links.ts";

/** Timed erasures, as parts of reconcile. Each is bounded and continues in the next run. */

/** How long the state of a delivery stays visible, in milliseconds. */
const DELIVERY_LOG_MS = 30 * 24 * 60 * 60_000;
/** Rows that one statement erases. */
const ERASED_AT_ONCE = 500;
/** Jobs whose files are deleted concurrently. */
const FILES_AT_ONCE = 50;

export const eraseOldDeliveries = (context: RequestContext, budget: PageBudget): Promise<number> =>
  erase(budget, (limit) =>
    eraseDeliveries(context.db, firstUuidOf(context.clock() - DELIVERY_LOG_MS), limit),
  );

export const eraseOldRequests = (context: RequestContext, budget: PageBudget): Promise<number> =>
  erase(budget, (limit) => eraseRequests(context.db, context.clock() - RESPONSE_KEPT_MS, limit));

/** There are few rows for each five minutes, so one statement removes them all. */
export const eraseOldSiteRuns = (context: RequestContext): Promise<number> =>
  removeExitRuns(context.db, context.clock() - DAY_MS - WINDOW_MS);

/** Sites and exits of which nothing has to be known. */
export const eraseOldHealth = (context: RequestContext): Promise<number> =>
  removeHealth(context.db, context.clock() - WINDOW_MS, context.clock() - 2 * DAY_MS);

/** Versions of yt-dlp that nobody uses any more. */
export const eraseOldTrials = (context: RequestContext): Promise<number> =>
  removeTrials(context.db, context.clock() - TRIALS_MS);

/**
 * Deletes files from the operator's bucket when their retention has expired. The job drops its reference only after the
 * bucket has deleted the file, so a crash in between, or a bucket that refuses, leaves the file to a later run. A file
 * that another job is currently overwriting is left to the next run. A file that another job has replaced belongs to
 * that job.
 */
export async function eraseExpiredFiles(context: RequestContext, budget: PageBudget): Promise<number> {
  let cursor: ExpiryCursor = { expires_at: 0, id: "" };
  return eachPage(budget, async () => {
    const now = context.clock();
    const until = now + ERASURE_MS;
    const expired = await expiredQuery(context.db, now, cursor, FILES_AT_ONCE);
    const ids = expired.map(({ id }) => id);
    const held = ids.length === 0 ? [] : await beginErasureQuery(context.db, ids, { now, until });
    const erased = await Promise.all(held.map((job) => eraseFiles(context, job, until)));
    // failed ones must not be selected again in this run
    cursor = expired.at(-1) ?? cursor;
    return { count: erased.filter(Boolean).length, more: expired.length === FILES_AT_ONCE };
  });
}

async function eraseFiles(context: RequestContext, job: JobRow, until: number): Promise<boolean> {
  try {
    await Promise.all(deliveredKeys(job).map((key) => context.bucket.deleteObject(key)));
    await finishErasure(context.db, job.id, until);
    return true;
  } catch (error) {
    context.log("reconcile_failed", { job_id: job.id, error: describeError(error) });
    await giveUpErasure(context.db, job.id, until);
    return false;
  }
}

const erase = (budget: PageBudget, rows: (limit: number) => Promise<number>): Promise<number> =>
  eachPage(budget, async () => {
    const count = await rows(ERASED_AT_ONCE);
    return { count, more: count === ERASED_AT_ONCE };
  });
