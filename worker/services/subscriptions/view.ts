import {
  ENTRY_STATUSES,
  type EntryStatus,
  type Subscription,
  type SubscriptionEntryQuery,
  type SubscriptionListQuery,
  type SubscriptionSummary,
} from "../../../schema/api/subscriptions/subscription.ts";
import type { RequestContext } from "../../context.ts";
import { type EntryRow, entryPageQuery } from "../../db/subscriptions/entry-rows.ts";
import type { FeedRow } from "../../db/subscriptions/feed-rows.ts";
import {
  findSubscriptionOf,
  readSubscription,
  type SubscriptionRow,
  subscriptionPageQuery,
} from "../../db/subscriptions/subscription-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { describeError } from "../../lib/log.ts";
import { pageOf } from "../../lib/page-of.ts";
import { openSecrets, type SubscriptionSecrets } from "./secrets.ts";

type FeedFacts = Pick<FeedRow, "title" | "failing_since" | "last_error">;

function summaryOf(
  row: SubscriptionRow,
  feed: FeedFacts,
  { url, sent }: Pick<SubscriptionSecrets, "url" | "sent">,
): SubscriptionSummary {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    url,
    title: feed.title,
    job: { ...row.job, ...(typeof sent.webhook_url === "string" ? { webhook_url: sent.webhook_url } : {}) },
    storage: sent.storage === undefined ? "default" : "inline",
    backfill: row.backfill,
    filters: row.filters,
    schedule: row.schedule,
    retention: row.retention,
    filename: row.filename,
    folder: row.folder,
    failing_since: feed.failing_since,
    last_error: feed.last_error ?? row.last_error,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

/** A subscription as its owner sees it. @throws ApiError `not_found` */
export async function viewSubscription(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<Subscription> {
  const found = await readSubscription(context.db, accountId, id);
  if (!found) throw notFound("subscription");
  const { subscription, feed, counts } = found;
  const secrets = await openSecrets(context, subscription);
  const times = await context.feeds.peek(feed.id).catch((error: unknown) => {
    context.log("feed_silent", { feed_id: feed.id, error: describeError(error) });
    return null;
  });
  const isActive = subscription.status === "active";
  const entries = Object.fromEntries(ENTRY_STATUSES.map((status) => [status, 0])) as Record<
    EntryStatus,
    number
  >;
  for (const { status, entries: count } of counts) entries[status] = count;
  return {
    ...summaryOf(subscription, feed, secrets),
    polled_at: times?.polledAt ?? feed.polled_at,
    next_poll_at: isActive ? (times?.nextPollAt ?? feed.next_poll_at) : null,
    push: (times?.leaseUntil ?? 0) > context.clock(),
    entries,
    feed_url: feedUrlOf(context, id, secrets.feedToken),
  };
}

/** The address of a subscription's podcast feed. */
export const feedUrlOf = ({ config }: Pick<RequestContext, "config">, id: string, token: string): string =>
  `${config.publicUrl}/subscriptions/${id}/feed.xml?token=${token}`;

/** A page of an account's subscriptions, newest first. */
export async function listSubscriptions(
  context: RequestContext,
  accountId: string,
  { status, limit, cursor }: SubscriptionListQuery,
) {
  const found = await subscriptionPageQuery(context.db, accountId, {
    status,
    cursor: cursor?.toLowerCase(),
    limit: limit + 1,
  });
  const { page, next_cursor } = pageOf(found, limit);
  const subscriptions = await Promise.all(
    page.map(async ({ subscription, feed }) =>
      summaryOf(subscription, feed, await openSecrets(context, subscription)),
    ),
  );
  return { subscriptions, next_cursor };
}

/** A page of what is known of a source's entries, newest first. @throws ApiError `not_found` */
export async function listEntries(
  context: RequestContext,
  accountId: string,
  id: string,
  { status, limit, cursor }: SubscriptionEntryQuery,
) {
  if (!(await findSubscriptionOf(context.db, accountId, id))) throw notFound("subscription");
  const found = await entryPageQuery(context.db, id, {
    status,
    cursor: cursor?.toLowerCase(),
    limit: limit + 1,
  });
  const { page, next_cursor } = pageOf(found, limit);
  return { entries: page.map(viewEntry), next_cursor };
}

const WITHOUT_JOB: readonly EntryStatus[] = ["seen", "new", "filtered", "waiting", "removed"];

const viewEntry = ({ job_id, ...row }: EntryRow) => ({
  id: row.id,
  status: row.status,
  job_id: WITHOUT_JOB.includes(row.status) ? null : job_id,
  url: row.url,
  title: row.title,
  published_at: row.published_at,
  duration: row.duration,
  episode: row.episode,
  reason: row.reason,
  check_at: row.check_at,
  delivered_at: row.delivered_at,
  created_at: row.created_at,
});
