import type { Subscription, SubscriptionRequest } from "../../../schema/api/subscriptions/subscription.ts";
import { toBase64Url } from "../../../schema/bytes.ts";
import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import { findSubscriptionOf, insertSubscription } from "../../db/subscriptions/subscription-rows.ts";
import { illegalState, invalidMember } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { storageOfRequest } from "../intake/storage-of-request.ts";
import { requireAllowed } from "../rights/require-allowed.ts";
import { recognise } from "../sources/listing/recognise.ts";
import { requirePublic } from "../sources/require-public.ts";
import { DEFAULT_SCHEDULE } from "./schedule.ts";
import { sealSecrets } from "./secrets.ts";
import { jobColumns, requireSettings, sentJob } from "./settings.ts";
import { viewSubscription } from "./view.ts";

/** Most subscriptions of an account. */
const MAX_SUBSCRIPTIONS = 10_000;
/** Reconcile wakes the source's object if the call that does so is lost, after this long, in milliseconds. */
export const WAKE_GRACE_MS = 30_000;
const TOKEN_BYTES = 24;

interface Creation {
  /** Id of the subscription. */
  readonly id: string;
  readonly body: SubscriptionRequest;
  /** The body as it was sent. */
  readonly sent: unknown;
}

/**
 * Stores a subscription; its source is read after the response.
 *
 * @throws ApiError `denied`; `invalid_request` that names the field, or for too many subscriptions; as `storageOfRequest`
 */
export async function createSubscription(
  context: RequestContext,
  account: Account,
  { id, body, sent }: Creation,
): Promise<Subscription> {
  const existing = await findSubscriptionOf(context.db, account.id, id);
  if (existing) return viewSubscription(context, account.id, id);
  requireSource(context, body.url);
  await requireAllowed(context, [body.url, sourceOf(body.url)]);
  const job = sentJob(sent);
  const adjustments = await requireSettings(context, account.limits, body, job);
  const storage = await storageOfRequest(context, account, body.job?.storage);
  const now = context.clock();
  const url = sourceOf(body.url);
  const feedId = context.newId();
  const { sealed, key_id } = await context.sealer.seal(url, { owner: feedId, purpose: "feed.url" });
  const { retention = {} } = body;
  const stored = await insertSubscription(context.db, {
    feed: {
      id: feedId,
      url_tag: await context.sealer.tag(url),
      url: shownUrl(url),
      sealed_url: sealed,
      sealing_key_id: key_id,
      created_at: now,
    },
    subscription: {
      id,
      account_id: account.id,
      key_id: account.keyId,
      feed_id: feedId,
      name: body.name ?? null,
      status: body.paused === true ? "paused" : "active",
      url: shownUrl(body.url),
      ...(await sealSecrets(context, account.id, {
        url: body.url,
        sent: job,
        feedToken: newFeedToken(context),
      })),
      ...(await jobColumns(context, account.id, job)),
      backfill: body.backfill ?? { type: "none" },
      filters: body.filters ?? {},
      schedule: body.schedule ?? DEFAULT_SCHEDULE,
      retention,
      filename: body.filename ?? null,
      folder: body.folder ?? null,
      episodes: 0,
      sweep_due_at: retention.keep_last === undefined && retention.keep_days === undefined ? null : now,
      created_at: now,
      updated_at: now,
    },
    limit: MAX_SUBSCRIPTIONS,
    checkDueAt: now + WAKE_GRACE_MS,
  });
  if (stored === null) {
    throw illegalState(
      `An account may have ${MAX_SUBSCRIPTIONS.toLocaleString("en")} subscriptions; delete one first`,
    );
  }
  context.defer(context.feeds.wake(stored));
  const view = await viewSubscription(context, account.id, id);
  const all = [...adjustments, ...(storage?.adjustments ?? [])];
  return { ...view, ...(all.length > 0 ? { adjustments: all } : {}) };
}

/** A new token of a podcast feed. */
export const newFeedToken = ({ random }: Pick<RequestContext, "random">): string =>
  toBase64Url(random(TOKEN_BYTES));

/** @throws ApiError `invalid_request` for a single item or an address that is not public */
export function requireSource({ config }: Pick<RequestContext, "config">, url: string): void {
  requirePublic(config, "url", url);
  if (recognise(url, true).type === "spotify_episode") {
    throw invalidMember("url", "is a single episode; follow its show, or send it to POST /jobs");
  }
}

/** The address that a source is known by: that of a list instead of one of its items, so that followers share it. */
export function sourceOf(url: string): string {
  const recognised = recognise(url, true);
  if (recognised.type === "playlist") return new URL(recognised.url).href;
  return recognised.type === "spotify_show" ? `https://open.spotify.com/show/${recognised.id}` : url;
}
