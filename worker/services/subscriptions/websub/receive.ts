import type { RequestContext } from "../../../context.ts";
import { findLease, settleLease } from "../../../db/subscriptions/feed-rows.ts";
import { notFound } from "../../../lib/api-error.ts";
import { kindOfDocument, readDocument } from "../feed-document.ts";
import { LEASE_MS } from "./renew-lease.ts";

/** Longest lease that is believed, in seconds. */
const MAX_LEASE_SECONDS = 30 * 24 * 60 * 60;

/** What a hub sends to verify a lease. */
export interface Verification {
  readonly mode: string | undefined;
  readonly topic: string | undefined;
  readonly challenge: string | undefined;
  readonly leaseSeconds: string | undefined;
}

/**
 * A hub verifies that pushes were asked for.
 *
 * @returns its challenge
 * @throws ApiError `not_found` for a lease that nobody asked for
 */
export async function verifyLease(
  context: RequestContext,
  leaseId: string,
  { mode, topic, challenge, leaseSeconds }: Verification,
): Promise<string> {
  const lease = await findLease(context.db, leaseId);
  if (!lease || topic !== lease.topic) throw notFound("page");
  const now = context.clock();
  if (mode === "denied") {
    await settleLease(context.db, leaseId, { status: "denied", expires_at: lease.expires_at });
    return "";
  }
  if (mode !== "subscribe" || challenge === undefined || lease.status === "denied") throw notFound("page");
  const seconds = Number(leaseSeconds);
  const granted = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, MAX_LEASE_SECONDS) : null;
  const expires_at = granted === null ? lease.requested_at + LEASE_MS : now + granted * 1000;
  await settleLease(context.db, leaseId, { status: "verified", expires_at });
  context.defer(context.feeds.leased(lease.feed_id, expires_at));
  context.log("hub_verified", { feed_id: lease.feed_id, lease_id: leaseId, expires_at });
  return challenge;
}

/**
 * Takes what a hub pushed. Content without the lease's signature is dropped, and the hub does not learn that.
 *
 * @param signature of the header `X-Hub-Signature`
 * @throws ApiError `not_found` for a lease that was not verified or has ended
 */
export async function receivePush(
  context: RequestContext,
  leaseId: string,
  body: Uint8Array<ArrayBuffer>,
  signature: string | null,
): Promise<void> {
  const lease = await findLease(context.db, leaseId);
  if (lease?.status !== "verified" || lease.expires_at <= context.clock()) throw notFound("page");
  const secret = await context.sealer.open(lease.sealed_secret, { owner: leaseId, purpose: "feed.lease" });
  if (!(await isSigned(body, secret, signature))) {
    context.log("push_refused", { feed_id: lease.feed_id, lease_id: leaseId });
    return;
  }
  const text = new TextDecoder().decode(body);
  const kind = kindOfDocument(text);
  // a light ping, or a kind that cannot be read: the source itself says what is new
  if (kind === null) {
    context.defer(context.feeds.run(lease.feed_id));
    return;
  }
  const { entries } = await readDocument(kind, text, nothing(), lease.topic);
  context.log("push_received", { feed_id: lease.feed_id, entries: entries.length });
  await context.feeds.pushed(lease.feed_id, entries);
}

async function* nothing(): AsyncGenerator<string> {}

const HASHES: Readonly<Record<string, string>> = {
  sha1: "SHA-1",
  sha256: "SHA-256",
  sha384: "SHA-384",
  sha512: "SHA-512",
};

async function isSigned(
  body: Uint8Array<ArrayBuffer>,
  secret: string,
  signature: string | null,
): Promise<boolean> {
  const [method = "", digits = ""] = signature?.trim().split("=") ?? [];
  const hash = HASHES[method.toLowerCase()];
  if (hash === undefined || !/^(?:[0-9a-f]{2})+$/i.test(digits)) return false;
  const bytes = Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash },
    false,
    ["verify"],
  );
  return crypto.subtle.verify("HMAC", key, bytes, body);
}
