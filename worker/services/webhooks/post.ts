import { judgeUrl } from "../../../schema/address.ts";
import type { RequestContext } from "../../context.ts";
import { describeError } from "../../lib/log.ts";
import { readRetryAfter } from "../../lib/retry-after.ts";
import { isUnreached } from "../../lib/unreached.ts";
import { VERSION } from "../../lib/version.ts";
import { signatureHeaders } from "./signature.ts";

/** How long an endpoint may take to respond, in milliseconds. */
export const DELIVERY_TIMEOUT_MS = 20_000;

/** What is posted, and the secrets that sign it. */
export interface OutgoingEvent {
  readonly url: string;
  /** The same for all tries. */
  readonly eventId: string;
  readonly body: string;
  /** Newest first; none for messages that are not signed. */
  readonly secrets: readonly string[];
}

/** The result of a try. */
export interface TryResult {
  readonly delivered: boolean;
  /** Null if there was no response. */
  readonly status: number | null;
  /** One sentence; null when the webhook event was delivered. */
  readonly error: string | null;
  readonly responseMs: number;
  readonly retryAfterMs: number | null;
}

/**
 * Posts a webhook event once. Redirects are not followed, and the response's body is not read. The address is judged at each
 * try; the platform resolves the name and judges what it dials: Cloudflare's reaches no private network, and the
 * self-hosted one asks the processor's egress policy.
 */
export async function postEvent(
  context: RequestContext,
  { url, eventId, body, secrets }: OutgoingEvent,
  givenUp?: AbortSignal,
): Promise<TryResult> {
  const start = context.clock();
  const failed = (
    error: string,
    status: number | null = null,
    retryAfterMs: number | null = null,
  ): TryResult => ({
    delivered: false,
    status,
    error,
    responseMs: context.clock() - start,
    retryAfterMs,
  });
  const verdict = judgeUrl(new URL(url), context.config.allowedPrivateHosts);
  if (!verdict.allowed) return failed(`the address is not public (${verdict.reason})`);
  const timestamp = Math.floor(start / 1000);
  const signatures =
    secrets.length > 0 ? await signatureHeaders({ id: eventId, timestamp, body }, secrets) : {};
  // counted from here, where the request is sent
  const late = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
  const signal = givenUp ? AbortSignal.any([givenUp, late]) : late;
  try {
    const response = await context.fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": `Waterspout/${VERSION}`, ...signatures },
      body,
      redirect: "manual",
      signal,
    });
    await response.body?.cancel();
    const { status } = response;
    if (response.ok) {
      return {
        delivered: true,
        status,
        error: null,
        responseMs: context.clock() - start,
        retryAfterMs: null,
      };
    }
    if (isUnreached(status)) return failed("no connection");
    const redirected = status >= 300 && status < 400;
    return failed(
      redirected
        ? `the endpoint responded with ${status}; redirects are not followed`
        : `the endpoint responded with ${status}`,
      status,
      readRetryAfter(response.headers.get("retry-after"), context.clock()),
    );
  } catch (error) {
    context.log("delivery_unanswered", { event_id: eventId, error: describeError(error) });
    return failed(
      late.aborted ? `no response within ${DELIVERY_TIMEOUT_MS / 1000} seconds` : "no connection",
    );
  }
}
