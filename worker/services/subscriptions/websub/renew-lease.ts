import { judgeUrl } from "../../../../schema/address.ts";
import { toBase64Url } from "../../../../schema/bytes.ts";
import type { RequestContext } from "../../../context.ts";
import { insertLease } from "../../../db/subscriptions/feed-rows.ts";
import { describeError } from "../../../lib/log.ts";
import type { FeedState } from "../feed-memory.ts";

/** The lease that is asked for, in seconds. */
const LEASE_SECONDS = 10 * 24 * 60 * 60;
/** How long a hub that names no other time pushes after it was asked, in milliseconds. */
export const LEASE_MS = LEASE_SECONDS * 1000;
/** A hub that did not verify a lease for this long will not do so any more, in milliseconds. */
const UNVERIFIED_MS = 24 * 60 * 60_000;
/** A hub that refuses or does not verify is asked again after this, in milliseconds. */
const RETRY_MS = 6 * 60 * 60_000;
const SECRET_BYTES = 32;
const TIMEOUT_MS = 10_000;

/**
 * Asks a source's hub to push new entries, with a secret and a callback of its own for each lease. The hub verifies it
 * with a request to the callback. Polling goes on whatever the hub does.
 *
 * @returns what is to be noted; null if nothing is due
 */
export async function renewLease(
  context: RequestContext,
  feedId: string,
  { hub, leaseAt, nextPollAt }: Pick<FeedState, "hub" | "leaseAt" | "nextPollAt">,
): Promise<Pick<FeedState, "leaseAt"> | null> {
  const now = context.clock();
  if (hub === null || nextPollAt === null || (leaseAt !== null && leaseAt > now)) return null;
  const { config, newId, sealer, random } = context;
  const isPublic = (url: string) => judgeUrl(new URL(url), config.allowedPrivateHosts).allowed;
  // a hub cannot reach an address that is not public
  if (!isPublic(config.publicUrl) || !isPublic(hub.url)) return { leaseAt: now + RETRY_MS };
  const id = newId();
  const secret = toBase64Url(random(SECRET_BYTES));
  const { sealed, key_id } = await sealer.seal(secret, { owner: id, purpose: "feed.lease" });
  await insertLease(context.db, {
    id,
    feed_id: feedId,
    hub_url: hub.url,
    topic: hub.topic,
    sealed_secret: sealed,
    sealing_key_id: key_id,
    status: "requested",
    requested_at: now,
    expires_at: now + UNVERIFIED_MS,
  });
  try {
    const response = await context.fetch(hub.url, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({
        "hub.callback": `${config.publicUrl}/websub/${id}`,
        "hub.mode": "subscribe",
        "hub.topic": hub.topic,
        "hub.lease_seconds": String(LEASE_SECONDS),
        "hub.secret": secret,
      }).toString(),
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    await response.body?.cancel();
    context.log("hub_asked", { feed_id: feedId, lease_id: id, status: response.status });
  } catch (error) {
    context.log("hub_unreachable", { feed_id: feedId, error: describeError(error) });
  }
  // the verification puts this off until the lease is about to end
  return { leaseAt: now + RETRY_MS };
}
