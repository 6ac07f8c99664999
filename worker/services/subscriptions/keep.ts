import type { RequestContext } from "../../context.ts";
import { markErased, oldestDelivery, outlivedEntries } from "../../db/subscriptions/delivered-entries.ts";
import type { EntryRow } from "../../db/subscriptions/entry-rows.ts";
import { endSweep, type SubscriptionRow, takeSweepsQuery } from "../../db/subscriptions/subscription-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { eachPage, type PageBudget } from "../../lib/each-page.ts";
import { describeError } from "../../lib/log.ts";
import { deleteFile } from "../jobs/delete-file.ts";
import { openSecrets, type SubscriptionSecrets } from "./secrets.ts";

/** Retention of subscriptions: deletes only files that their own jobs delivered and still own. */

const DAY_MS = 24 * 60 * 60_000;
/** Longer than a sweep takes, in milliseconds. */
const CLAIM_MS = 5 * 60_000;
/** Delay after a storage that refused, in milliseconds. */
const AGAIN_MS = 60 * 60_000;
const SUBSCRIPTIONS = 10;
/** Files of one subscription that one run deletes. */
const FILES = 20;

/** @returns how many files were deleted */
export async function sweepSubscriptions(context: RequestContext, budget: PageBudget): Promise<number> {
  return eachPage(budget, async () => {
    const now = context.clock();
    const taken = await takeSweepsQuery(context.db, now, now + CLAIM_MS, SUBSCRIPTIONS);
    let count = 0;
    for (const subscription of taken) count += await sweep(context, subscription, now + CLAIM_MS);
    return { count, more: taken.length === SUBSCRIPTIONS };
  });
}

async function sweep(
  context: RequestContext,
  subscription: SubscriptionRow,
  claimed: number,
): Promise<number> {
  const { id, retention } = subscription;
  const { keep_last: keepLast = null, keep_days: keepDays = null } = retention;
  const now = context.clock();
  if (keepLast === null && keepDays === null) {
    await endSweep(context.db, { id, claimed, next: null });
    return 0;
  }
  let erased = 0;
  let hasFailed = false;
  const deliveredBefore = keepDays === null ? null : now - keepDays * DAY_MS;
  const outlived = await outlivedEntries(context.db, id, { keepLast, deliveredBefore, limit: FILES });
  const secrets = outlived.length === 0 ? null : await openSecrets(context, subscription);
  for (const entry of outlived) {
    try {
      await erase(context, subscription, entry, secrets);
      erased += 1;
    } catch (error) {
      hasFailed = true;
      context.log("sweep_failed", { subscription_id: id, job_id: entry.job_id, error: describeError(error) });
    }
  }
  const oldest = keepDays === null ? null : await oldestDelivery(context.db, id);
  const expiry = oldest === null ? null : oldest + (keepDays ?? 0) * DAY_MS + 1;
  const next = hasFailed ? now + AGAIN_MS : outlived.length === FILES ? now : expiry;
  await endSweep(context.db, { id, claimed, next });
  return erased;
}

async function erase(
  context: RequestContext,
  { account_id }: SubscriptionRow,
  entry: EntryRow,
  secrets: SubscriptionSecrets | null,
): Promise<void> {
  try {
    await deleteFile(context, account_id, entry.job_id, undefined);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // the job is gone, or has no file of its own any more
    const isGone =
      error.code === "not_found" || (error.code === "invalid_request" && error.issues === undefined);
    const inline = secrets?.job.storage;
    if (!isGone && error.code === "invalid_request" && inline) {
      await deleteFile(context, account_id, entry.job_id, inline);
    } else if (!isGone) throw error;
  }
  await markErased(context.db, entry.id, context.clock());
}
