import type { RequestContext } from "../../context.ts";
import {
  claimDelivery,
  type DeliveryRow,
  type EndpointRow,
  type NewDeliveryRow,
  type Sender,
  settleDelivery,
} from "../../db/delivery-rows.ts";
import { findJob } from "../../db/job-rows.ts";
import { DELIVERY_GRACE_MS, sendDeliveryMessages } from "../queue/sender.ts";
import { linksOf } from "../storage/links.ts";
import { UnsealError } from "../storage/seal.ts";
import { addressOf, openAddress } from "../storage/sealed-urls.ts";
import { encodeEvent } from "./body.ts";
import { postEvent, type TryResult } from "./post.ts";
import { PostGate, QUICK_MS } from "./post-gate.ts";
import { nextTryInMs } from "./schedule.ts";
import { signingSecrets } from "./secret.ts";

/** Longer than any try takes, in milliseconds: the owner of an older claim is dead. */
const CLAIM_MS = 60_000;
/** An endpoint that only failed for this long is disabled, in milliseconds. */
const SWITCH_OFF_MS = 5 * 24 * 60 * 60_000;
/** Pause for an endpoint that did not respond, doubled each further time, in milliseconds. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 10 * 60_000;
/** Postponed events are spread over this share of the pause. */
const SPREAD = 0.25;
/** Statuses by which an endpoint declines further tries. */
const GONE = 410;

const SWITCHED_OFF =
  "this endpoint was disabled after five days of failures; replay the delivery to enable it";

/**
 * Attempts a delivery once, if it is due. If the Worker dies during a try, the delivery stays pending with the same id,
 * so it may arrive twice but is never lost.
 */
export async function deliverEvent(
  context: RequestContext,
  id: string,
  gate = new PostGate(),
): Promise<void> {
  const now = context.clock();
  const until = now + CLAIM_MS;
  const claimed = await claimDelivery(context.db, id, { now, until });
  if (!claimed) return;
  const { delivery, ...sender } = claimed;
  // a replay by hand also goes to a disabled endpoint: its success enables it again
  if (sender.endpoint && sender.endpoint.disabled_at !== null && delivery.replay_of === null) {
    await settleDelivery(
      context.db,
      { id, until },
      endedAs("failed", now, { last_error: SWITCHED_OFF }),
      null,
    );
    return;
  }
  const pausedUntil = sender.endpoint?.paused_until ?? 0;
  if (pausedUntil > now && delivery.replay_of === null) {
    return putOff(context, { id, until }, pausedUntil, null);
  }
  const endpoint = {
    name: `${delivery.account_id} ${delivery.url}`,
    isSlow: sender.endpoint?.slow ?? false,
  };
  const passage = await gate.pass(endpoint, (signal) =>
    post(context, delivery, sender, signal).catch(unreadable),
  );
  if (passage.type === "crowded") return putOff(context, { id, until }, context.clock(), null);
  if (passage.type === "preempted") {
    return putOff(context, { id, until }, context.clock(), slowEndpoint(delivery, sender));
  }
  const { value: result } = passage;
  const changes = changesOf(context, delivery, result);
  await settleDelivery(
    context.db,
    { id, until },
    changes,
    endpointAfter(context.clock(), delivery, sender, result),
  );
  context.log("delivery", {
    delivery_id: id,
    event_id: delivery.event_id,
    job_id: delivery.job_id,
    tries: delivery.tries + 1,
    status: result.status,
    error: result.error,
  });
  if (changes.status === "pending" && typeof changes.next_try_at === "number") {
    await sendDeliveryMessages(context, [id], changes.next_try_at - context.clock());
  }
}

/** Postpones an event without counting a try: its endpoint is paused, or there is no free connection. */
async function putOff(
  context: RequestContext,
  claim: { readonly id: string; readonly until: number },
  dueAt: number,
  endpoint: EndpointRow | null,
): Promise<void> {
  const next = dueAt + Math.round(SPREAD * chance(context.random) * (dueAt - context.clock()));
  const changes = { next_try_at: next, enqueue_due_at: next + DELIVERY_GRACE_MS };
  await settleDelivery(context.db, claim, changes, endpoint);
  await sendDeliveryMessages(context, [claim.id], next - context.clock());
}

/** Marks the endpoint as slow. */
function slowEndpoint(
  { kind, account_id, url, sealed_url }: DeliveryRow,
  { endpoint }: Sender,
): EndpointRow | null {
  return kind === "slack" ? null : { ...(endpoint ?? UNKNOWN), account_id, url, sealed_url, slow: true };
}

/** A key of `SEALING_KEYS` is missing: the operator may restore it while attempts continue. */
function unreadable(error: unknown): TryResult {
  if (!(error instanceof UnsealError)) throw error;
  const sentence = "the endpoint's address cannot be read; a key of SEALING_KEYS is missing";
  return { delivered: false, status: null, error: sentence, responseMs: 0, retryAfterMs: null };
}

async function post(
  context: RequestContext,
  delivery: DeliveryRow,
  { account }: Sender,
  givenUp: AbortSignal,
): Promise<TryResult> {
  const { event_id: eventId } = delivery;
  const url = await openAddress(context, addressOf(delivery));
  if (delivery.kind === "slack")
    return postEvent(context, { url, eventId, body: delivery.body, secrets: [] }, givenUp);
  const secrets = await signingSecrets(context, account);
  return postEvent(context, { url, eventId, body: await bodyOf(context, delivery), secrets }, givenUp);
}

/**
 * Links are valid for a day and tries go on for three, so links are signed at each try, unless another job overwrote the
 * file. The description is only stored with the job.
 */
async function bodyOf(context: RequestContext, { type, job_id, body }: DeliveryRow): Promise<string> {
  const job = type === "job_completed" && job_id !== null ? await findJob(context.db, job_id) : undefined;
  if (!job) return body;
  const s3_url = job.object_key === null ? null : ((await linksOf(context, job))[job.object_key] ?? null);
  const { description, file_replaced_by } = job;
  return encodeEvent({ ...(JSON.parse(body) as object), description, s3_url, file_replaced_by });
}

function changesOf(
  context: RequestContext,
  { tries: before }: DeliveryRow,
  result: TryResult,
): Partial<NewDeliveryRow> {
  const now = context.clock();
  const tries = before + 1;
  const facts = {
    tries,
    last_status: result.status,
    last_error: result.error,
    last_response_ms: result.responseMs,
  };
  if (result.delivered) return endedAs("delivered", now, facts);
  const wait =
    result.status === GONE ? null : nextTryInMs(tries, result.retryAfterMs, chance(context.random));
  if (wait === null) return endedAs("failed", now, facts);
  const next = now + wait;
  return { ...facts, status: "pending", next_try_at: next, enqueue_due_at: next + DELIVERY_GRACE_MS };
}

const endedAs = (
  status: "delivered" | "failed",
  now: number,
  facts: Partial<NewDeliveryRow>,
): Partial<NewDeliveryRow> => ({
  ...facts,
  status,
  next_try_at: null,
  enqueue_due_at: null,
  ...(status === "delivered" ? { delivered_at: now } : { failed_at: now }),
});

/** The health of an address that nothing was sent to yet. */
const UNKNOWN = {
  ...{ last_success_at: null, last_failure_at: null, failing_since: null, disabled_at: null },
  ...{ strikes: 0, paused_until: null, slow: false },
};

/** The health of an address after a try; null for Slack, which is a setting of the account. */
function endpointAfter(
  now: number,
  { kind, account_id, url, sealed_url }: DeliveryRow,
  { endpoint }: Sender,
  { delivered, status, responseMs }: TryResult,
): EndpointRow | null {
  if (kind === "slack") return null;
  const isUnanswered = !delivered && status === null;
  const strikes = isUnanswered ? (endpoint?.strikes ?? 0) + 1 : 0;
  const before = {
    ...(endpoint ?? UNKNOWN),
    strikes,
    paused_until:
      strikes === 0 ? null : now + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (strikes - 1)),
    slow: responseMs > QUICK_MS,
  };
  if (delivered) {
    return {
      ...before,
      account_id,
      url,
      sealed_url,
      last_success_at: now,
      failing_since: null,
      disabled_at: null,
    };
  }
  const failing_since = before.failing_since ?? now;
  const disabled_at = before.disabled_at ?? (now - failing_since >= SWITCH_OFF_MS ? now : null);
  return { ...before, account_id, url, sealed_url, last_failure_at: now, failing_since, disabled_at };
}

/** A number from 0 to 1. */
function chance(random: (length: number) => Uint8Array): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_535;
}
