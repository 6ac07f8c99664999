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
import { nextTryInMs } from "./schedule.ts";
import { signingSecrets } from "./secret.ts";

/** Longer than any try takes: a claim that is older was left by someone who died, in milliseconds. */
const CLAIM_MS = 60_000;
/** An endpoint that did nothing but fail for this long is switched off, in milliseconds. */
const SWITCH_OFF_MS = 5 * 24 * 60 * 60_000;
/** The endpoint wants no more of it. */
const GONE = 410;

const SWITCHED_OFF =
  "this endpoint was switched off after five days of failures; replay the delivery to switch it on";

/**
 * Attempts a delivery once, if it is due. A try that nobody settled leaves it pending with the same id, so that it may
 * arrive twice but is never lost.
 */
export async function deliverEvent(context: RequestContext, id: string): Promise<void> {
  const now = context.clock();
  const until = now + CLAIM_MS;
  const claimed = await claimDelivery(context.db, id, { now, until });
  if (!claimed) return;
  const { delivery, ...sender } = claimed;
  // a replay is asked for by hand, so it is how an endpoint comes back
  if (sender.endpoint && sender.endpoint.disabled_at !== null && delivery.replay_of === null) {
    await settleDelivery(
      context.db,
      { id, until },
      endedAs("failed", now, { last_error: SWITCHED_OFF }),
      null,
    );
    return;
  }
  const result = await post(context, delivery, sender).catch(unreadable);
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

/** A key of `SEALING_KEYS` is missing: the operator may bring it back while the tries go on. */
function unreadable(error: unknown): TryResult {
  if (!(error instanceof UnsealError)) throw error;
  const sentence = "the endpoint's address cannot be read; a key of SEALING_KEYS is missing";
  return { delivered: false, status: null, error: sentence, responseMs: 0, retryAfterMs: null };
}

async function post(context: RequestContext, delivery: DeliveryRow, { account }: Sender): Promise<TryResult> {
  const { event_id: eventId } = delivery;
  const url = await openAddress(context, addressOf(delivery));
  if (delivery.kind === "slack")
    return postEvent(context, { url, eventId, body: delivery.body, secrets: [] });
  const secrets = await signingSecrets(context, account);
  return postEvent(context, { url, eventId, body: await bodyOf(context, delivery), secrets });
}

/** Links hold for a day and tries go on for three: they are signed for each one, unless another job replaced the file. */
async function bodyOf(context: RequestContext, { type, job_id, body }: DeliveryRow): Promise<string> {
  const job = type === "job_completed" && job_id !== null ? await findJob(context.db, job_id) : undefined;
  if (!job) return body;
  const s3_url = job.object_key === null ? null : ((await linksOf(context, job))[job.object_key] ?? null);
  const { file_replaced_by } = job;
  return encodeEvent({ ...(JSON.parse(body) as object), s3_url, file_replaced_by });
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

/** What is known of an address after a try; null for Slack, which is the account's own setting. */
function endpointAfter(
  now: number,
  { kind, account_id, url, sealed_url }: DeliveryRow,
  { endpoint }: Sender,
  { delivered }: TryResult,
): EndpointRow | null {
  if (kind === "slack") return null;
  const before = endpoint ?? {
    last_success_at: null,
    last_failure_at: null,
    failing_since: null,
    disabled_at: null,
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
