import { eraseDeliveries } from "../db/delivery-rows.ts";
import { type ExpiryCursor, expiredQuery } from "../db/expiry-rows.ts";
import { eraseRequests } from "../db/idempotency-rows.ts";
import { clearDelivery } from "../db/job-rows.ts";
import { eachPage } from "../lib/each-page.ts";
import { describeError } from "../lib/log.ts";
import { firstUuidOf } from "../lib/uuid.ts";
import type { Scope } from "../services.ts";
import { ANSWER_KEPT_MS } from "./run-once.ts";
import { deliveredKeys } from "./storage-links.ts";

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
 * bucket has: whoever dies between leaves it to the next run, as does a bucket that refuses.
 */
export async function eraseExpiredFiles(scope: Scope): Promise<number> {
  let cursor: ExpiryCursor = { expires_at: 0, id: "" };
  return eachPage(async () => {
    const expired = await expiredQuery(scope.db, scope.clock(), cursor, FILES_AT_ONCE);
    const erased = await Promise.all(expired.map((job) => eraseFiles(scope, job)));
    // those that failed must not be met again in this run
    cursor = expired.at(-1) ?? cursor;
    return { count: erased.filter(Boolean).length, more: expired.length === FILES_AT_ONCE };
  });
}

type ExpiredJob = Awaited<ReturnType<typeof expiredQuery>>[number];

async function eraseFiles(scope: Scope, job: ExpiredJob): Promise<boolean> {
  try {
    // a later delivery may lie under the same key
    if (!job.shared) await Promise.all(deliveredKeys(job).map((key) => scope.bucket.deleteObject(key)));
    await clearDelivery(scope.db, job.id);
    return true;
  } catch (error) {
    scope.log("reconcile_failed", { job_id: job.id, error: describeError(error) });
    return false;
  }
}

const erase = (rows: (limit: number) => Promise<number>): Promise<number> =>
  eachPage(async () => {
    const count = await rows(ERASED_AT_ONCE);
    return { count, more: count === ERASED_AT_ONCE };
  });
