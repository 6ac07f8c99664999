import type { Subscription, SubscriptionChange } from "../../../schema/api/subscriptions/subscription.ts";
import type { RequestContext } from "../../context.ts";
import {
  deleteSubscription,
  findSubscriptionOf,
  type NewSubscriptionRow,
  removeEntries,
  type SubscriptionRow,
  updateSubscription,
} from "../../db/subscriptions/subscription-rows.ts";
import { dependencyUnavailable, notFound } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { storageOfRequest } from "../intake/storage-of-request.ts";
import { newFeedToken, WAKE_GRACE_MS } from "./create.ts";
import { openSecrets, sealSecrets } from "./secrets.ts";
import { jobColumns, requireSettings, sentJob } from "./settings.ts";
import { viewSubscription } from "./view.ts";

/** @throws ApiError `not_found` */
export async function requireSubscription(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<SubscriptionRow> {
  const found = await findSubscriptionOf(context.db, accountId, id);
  if (!found) throw notFound("subscription");
  return found;
}

/** Changes the given settings. @throws ApiError as the creation, and `not_found` */
export async function changeSubscription(
  context: RequestContext,
  account: Account,
  id: string,
  { body, sent }: { body: SubscriptionChange; sent: unknown },
): Promise<Subscription> {
  const before = await requireSubscription(context, account.id, id);
  const secrets = await openSecrets(context, before);
  const job = body.job === undefined ? secrets.sent : sentJob(sent);
  const adjustments = await requireSettings(context, account.limits, body, job);
  if (body.job !== undefined) await storageOfRequest(context, account, body.job.storage);
  const { name, filters, schedule, retention, filename, folder } = body;
  const sealsAgain = body.job !== undefined || body.rotate_feed_token === true;
  const feedToken = body.rotate_feed_token === true ? newFeedToken(context) : secrets.feedToken;
  const changes: Partial<NewSubscriptionRow> = {
    ...(name === undefined ? {} : { name }),
    ...(filters === undefined ? {} : { filters }),
    ...(schedule === undefined ? {} : { schedule }),
    ...(filename === undefined ? {} : { filename }),
    ...(folder === undefined ? {} : { folder }),
    ...(retention === undefined ? {} : { retention, sweep_due_at: context.clock() }),
    ...(sealsAgain ? await sealSecrets(context, account.id, { url: secrets.url, sent: job, feedToken }) : {}),
    ...(body.job === undefined ? {} : await jobColumns(context, account.id, job)),
    updated_at: context.clock(),
  };
  await apply(context, account.id, id, changes);
  const view = await viewSubscription(context, account.id, id);
  return { ...view, ...(adjustments.length > 0 ? { adjustments } : {}) };
}

/** Stops following the source for this subscription. @throws ApiError `not_found` */
export async function pauseSubscription(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<Subscription> {
  await apply(context, accountId, id, { status: "paused", updated_at: context.clock() });
  return viewSubscription(context, accountId, id);
}

/** @throws ApiError `not_found` */
export async function resumeSubscription(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<Subscription> {
  const now = context.clock();
  await apply(context, accountId, id, { status: "active", admit_due_at: now, updated_at: now });
  return viewSubscription(context, accountId, id);
}

async function apply(
  context: RequestContext,
  accountId: string,
  id: string,
  changes: Partial<NewSubscriptionRow>,
): Promise<void> {
  const checkDueAt = context.clock() + WAKE_GRACE_MS;
  const changed = await updateSubscription(context.db, accountId, id, changes, checkDueAt);
  if (!changed) throw notFound("subscription");
  context.defer(context.feeds.wake(changed.feed_id));
}

/** Deletes a subscription; its jobs and files stay. @throws ApiError `not_found` */
export async function removeSubscription(context: RequestContext, accountId: string, id: string) {
  const removed = await deleteSubscription(context.db, accountId, id, context.clock() + WAKE_GRACE_MS);
  if (!removed) throw notFound("subscription");
  context.defer(context.feeds.wake(removed.feed_id));
  return { subscription_id: id, message: "Subscription deleted; its jobs and files stay" };
}

/** Removes what is known of the entries, so that the backfill applies again. @throws ApiError `not_found` */
export async function resetSubscription(context: RequestContext, accountId: string, id: string) {
  const { feed_id } = await requireSubscription(context, accountId, id);
  const now = context.clock();
  const removed = await removeEntries(context.db, { id, now, checkDueAt: now + WAKE_GRACE_MS });
  context.defer(context.feeds.wake(feed_id));
  return { subscription_id: id, removed };
}

/** Reads the source now. @throws ApiError `not_found` */
export async function runSubscription(context: RequestContext, accountId: string, id: string) {
  const { feed_id } = await requireSubscription(context, accountId, id);
  const { polledAt, newEntries, error } = await context.feeds.run(feed_id).catch((failure: unknown) => {
    throw dependencyUnavailable(failure);
  });
  return { subscription_id: id, polled_at: polledAt, new_entries: newEntries, error };
}
