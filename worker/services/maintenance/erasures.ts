import type { Scope } from "../../context.ts";
import { eraseDeliveries } from "../../db/delivery-rows.ts";
import { type ExpiryCursor, expiredQuery } from "../../db/expiry-rows.ts";
import { eraseRequests } from "../../db/idempotency-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { beginErasureQuery, finishErasure, giveUpErasure } from "../../db/object-owners.ts";
import { eachPage } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { firstUuidOf } from "../../lib/uuid.ts";
import { ANSWER_KEPT_MS } from "../intake/run-once.ts";
import { ERASURE_MS } from "../jobs/delete-file.ts";
import { deliveredKeys } from "../storage/links.ts";

/** What is erased on time, as parts of reconcile: each is bounded, and goes on the next time. */

/** For how long it can be seen what became of a notice, in milliseconds. */
const DELIVERY_LOG_MS = 30 * 24 * 60 * 60_000;
/** Rows that are erased by one statement. */
const ERASED_AT_ONCE = 500;
/** Jobs whose files are deleted at once. */
const FILES_AT_ONCE = 50;

export const eraseOldDeliveries = (scope: Scope): Promise<number> =>
  erase((limit) => eraseDeliveries(scope.db, firstUuidOf(scope.clock() - DELIVERY_LOG_MS), limit));

export const eraseOldRequests = (scope: Scope): Promise<number> =>
  erase((limit) => eraseRequests(scope.db, scope.clock() - ANSWER_KEPT_MS, limit));

/**
 * Deletes the files of the operator's bucket that were kept for their time. The job forgets a file only after the
 * bucket has: whoever dies between leaves it to a later run, as does a bucket that refuses. A file that another job is
 * writing anew is left to the next run, and one that another job has replaced is that job's.
 */
export async function eraseExpiredFiles(scope: Scope): Promise<number> {
  let cursor: ExpiryCursor = { expires_at: 0, id: "" };
  return eachPage(async () => {
    const now = scope.clock();
    const until = now + ERASURE_MS;
    const expired = await expiredQuery(scope.db, now, cursor, FILES_AT_ONCE);
    const ids = expired.map(({ id }) => id);
    const held = ids.length === 0 ? [] : await beginErasureQuery(scope.db, ids, { now, until });
    const erased = await Promise.all(held.map((job) => eraseFiles(scope, job, until)));
    // those that failed must not be met again in this run
    cursor = expired.at(-1) ?? cursor;
    return { count: erased.filter(Boolean).length, more: expired.length === FILES_AT_ONCE };
  });
}

async function eraseFiles(scope: Scope, job: JobRow, until: number): Promise<boolean> {
  try {
    await Promise.all(deliveredKeys(job).map((key) => scope.bucket.deleteObject(key)));
    await finishErasure(scope.db, job.id, until);
    return true;
  } catch (error) {
    scope.log("reconcile_failed", { job_id: job.id, error: describeError(error) });
    await giveUpErasure(scope.db, job.id, until);
    return false;
  }
}

const erase = (rows: (limit: number) => Promise<number>): Promise<number> =>
  eachPage(async () => {
    const count = await rows(ERASED_AT_ONCE);
    return { count, more: count === ERASED_AT_ONCE };
  });
