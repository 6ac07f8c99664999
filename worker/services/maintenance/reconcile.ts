import type { RequestContext } from "../../context.ts";
import { overdueBatchesQuery } from "../../db/batch-rows.ts";
import { eraseStrayCredentials } from "../../db/credentials.ts";
import { takeOverdueDeliveries } from "../../db/delivery-rows.ts";
import {
  clearExpiredLinks,
  findExpiredLeases,
  findOrphanedUploads,
  findRecordings,
  takeOverdueDispatches,
} from "../../db/job-queue.ts";
import { overdueFeedsQuery, removeLeases, restingFeedsQuery } from "../../db/subscriptions/feed-rows.ts";
import { eachPage, type PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { MESSAGES_AT_ONCE } from "../../lib/send-messages.ts";
import { BATCH_GRACE_MS } from "../batches/grace.ts";
import { reportStaleJars } from "../cookies/alerts.ts";
import { continueErasures } from "../erasure/erasure.ts";
import { reportStates } from "../exits/alerts.ts";
import { sendDeliveryMessages, sendDispatchMessages } from "../queue/sender.ts";
import { takeBackLost } from "../runs/lost-runs.ts";
import { abortUpload, eraseRecording } from "../storage/orphaned-uploads.ts";
import { admitDue } from "../subscriptions/admit.ts";
import { sweepSubscriptions } from "../subscriptions/keep.ts";
import { continueTakedowns } from "../takedowns/takedown.ts";
import { reportTrials } from "../ytdlp/alerts.ts";
import {
  eraseExpiredFiles,
  eraseOldDeliveries,
  eraseOldHealth,
  eraseOldRequests,
  eraseOldSiteRuns,
  eraseOldTrials,
} from "./erasures.ts";
import { removeOldRows } from "./retention.ts";

/**
 * Repairs what was lost: dispatch messages that were never consumed, runs that fell silent, uploads that were never
 * finished. It runs every minute. Each part is bounded, and the next run does the rest.
 */

/** Sources whose object's alarm one run checks; the objects check each other's. */
const CHECKED_FEEDS = 3;
/** Subscriptions of one page whose entries are admitted. */
const ADMISSIONS = 10;
/** Minimum interval before a silent source is woken again, in milliseconds. */
const FEED_AGAIN_MS = 120_000;
/** Jobs of one page that are changed one by one. */
const PAGE = 50;
/** Expired leases that are taken back together. */
const LEASES = 100;
/**
 * Database calls that one invocation may spend. The platform allows 1,000, and the last page of a part may cost 100.
 */
const MAX_CALLS = 600;
/** Recordings that are checked concurrently. One of twelve hours has thousands of pieces. */
const RECORDINGS = 4;
/** Minimum interval before a dispatch message is sent again, in milliseconds. */
const DISPATCH_AGAIN_MS = 120_000;

/**
 * How long aborting an orphaned upload is tried, in milliseconds. After that, the storage's own lifecycle rules remove
 * it.
 */
const ORPHANED_AFTER_MS = 7 * 24 * 60 * 60_000;

/** Credentials of jobs that ended this long ago were left by mistake, in milliseconds. */
const STRAY_MS = 60_000;
/** Rows that one statement erases. */
const ERASED_AT_ONCE = 500;

/** How many rows each part repaired. Failed parts are left out. */
export type Reconciled = Partial<Record<keyof typeof PARTS, number>>;

const PARTS = {
  leases: takeBackExpired,
  dispatches: resendDispatchMessages,
  batches: wakeSilentBatches,
  feeds: wakeSilentFeeds,
  admissions: admitEntries,
  sweeps: sweepSubscriptions,
  takedowns: continueTakedowns,
  erasures: continueErasures,
  deliveries: resendDeliveryMessages,
  orphaned_uploads: abortOrphanedUploads,
  recordings: eraseRecordings,
  expired_files: eraseExpiredFiles,
  old_deliveries: eraseOldDeliveries,
  old_requests: eraseOldRequests,
  old_site_runs: eraseOldSiteRuns,
  alerts: reportStates,
  version_alerts: reportTrials,
  cookie_alerts: reportStaleJars,
  old_health: eraseOldHealth,
  old_trials: eraseOldTrials,
  stray_secrets: eraseStraySecrets,
  old_rows: removeOldRows,
};

/** Runs every part; the failure of one does not stop the others. */
export async function reconcile(context: RequestContext): Promise<Reconciled> {
  const done: Reconciled = {};
  const parts = Object.entries(PARTS) as [keyof typeof PARTS, (typeof PARTS)["dispatches"]][];
  for (const [index, [name, part]] of parts.entries()) {
    try {
      done[name] = await part(context, shareOf(context, parts.length - index));
    } catch (error) {
      context.log("reconcile_failed", { part: name, error: describeError(error) });
    }
  }
  context.log("reconcile", { ...done, d1_calls: context.connection.calls });
  return done;
}

/** A part's share of the remaining calls. Later parts may spend what an earlier one leaves. */
function shareOf({ connection }: RequestContext, partsLeft: number): PageBudget {
  const limit = connection.calls + Math.floor((MAX_CALLS - connection.calls) / partsLeft);
  return { isSpent: () => connection.calls >= limit };
}

async function takeBackExpired(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const expired = await findExpiredLeases(context.db, now, LEASES);
    // a heartbeat may have arrived in the meantime
    const { count, failures } = await takeBackLost(
      context,
      expired,
      ({ lease_expires_at }) => (lease_expires_at ?? now) <= now,
    );
    // failed ones would be selected again in the next page
    return { count, more: expired.length === LEASES && failures === 0 };
  });
}

async function resendDispatchMessages(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const ids = await takeOverdueDispatches(context.db, {
      now,
      again: now + DISPATCH_AGAIN_MS,
      limit: MESSAGES_AT_ONCE,
    });
    await sendDispatchMessages(context, ids);
    return { count: ids.length, more: ids.length === MESSAGES_AT_ONCE };
  });
}

async function resendDeliveryMessages(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const ids = await takeOverdueDeliveries(context.db, {
      now,
      again: now + DISPATCH_AGAIN_MS,
      limit: MESSAGES_AT_ONCE,
    });
    await sendDeliveryMessages(context, ids);
    return { count: ids.length, more: ids.length === MESSAGES_AT_ONCE };
  });
}

/** Batches whose object was never created, or fell silent. */
async function wakeSilentBatches(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const silent = await overdueBatchesQuery(context.db, now, now + BATCH_GRACE_MS, PAGE);
    await settleAll(context, silent, ({ id }) => context.batches.wake(id));
    return { count: silent.length, more: silent.length === PAGE };
  });
}

/** Sources whose object was never created, lost its alarm, or fell silent; and leases of hubs that ended. */
async function wakeSilentFeeds(context: RequestContext, budget: PageBudget): Promise<number> {
  await removeLeases(context.db, context.clock());
  const resting = await restingFeedsQuery(context.db, context.clock(), CHECKED_FEEDS);
  await settleAll(context, resting, ({ id }) => context.feeds.check(id));
  return eachPage(budget, async () => {
    const now = context.clock();
    const silent = await overdueFeedsQuery(context.db, now, now + FEED_AGAIN_MS, PAGE);
    await settleAll(context, silent, ({ id }) => context.feeds.wake(id));
    return { count: silent.length, more: silent.length === PAGE };
  });
}

/** Entries that no object admitted: those of long backfills, and those that waited. */
async function admitEntries(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, () => admitDue(context, ADMISSIONS));
}

/** Credentials without an unfinished job, and links that have expired. */
async function eraseStraySecrets(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const strays = await eraseStrayCredentials(context.db, now - STRAY_MS, ERASED_AT_ONCE);
    const links = await clearExpiredLinks(context.db, now, ERASED_AT_ONCE);
    return { count: strays + links, more: strays === ERASED_AT_ONCE || links === ERASED_AT_ONCE };
  });
}

/** One page only: an upload that cannot be aborted stays in the page and must not be tried again at once. */
async function abortOrphanedUploads(context: RequestContext): Promise<number> {
  const orphanedUploads = await findOrphanedUploads(context.db, endedWithoutRun(context), PAGE);
  await settleAll(context, orphanedUploads, (job) => abortUpload(context, job, { isFinal: true }));
  return orphanedUploads.length;
}

/** A few pieces at a time, and only after the run has ended. Usually the run has erased all of them. */
async function eraseRecordings(context: RequestContext): Promise<number> {
  const recordings = await findRecordings(context.db, endedWithoutRun(context), RECORDINGS);
  await settleAll(context, recordings, (job) => eraseRecording(context, job));
  return recordings.length;
}

/** A cancelled run is stopped within its lease; until then it may still add pieces. */
const endedWithoutRun = ({ clock, config }: RequestContext) => ({
  from: clock() - ORPHANED_AFTER_MS,
  until: clock() - config.leaseMs,
});

/** Acts on each item. @returns how many failed */
async function settleAll<T extends { readonly id: string }>(
  context: RequestContext,
  items: readonly T[],
  act: (item: T) => Promise<unknown>,
): Promise<number> {
  const results = await Promise.allSettled(items.map(act));
  let failures = 0;
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    failures += 1;
    context.log("reconcile_failed", { job_id: items[index]?.id, error: describeError(result.reason) });
  }
  return failures;
}
