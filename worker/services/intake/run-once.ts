import type { RequestContext } from "../../context.ts";
import {
  claimRequest,
  type IdempotencyName,
  keepResponse,
  releaseRequest,
} from "../../db/idempotency-rows.ts";
import { ApiError, invalidMember } from "../../lib/api-error.ts";
import { fingerprintOf, isFingerprintOf } from "./fingerprint.ts";

/** How long a response is kept, in milliseconds. */
export const RESPONSE_KEPT_MS = 24 * 60 * 60_000;
/** Longer than the longest request (the listing of a show) takes: the owner of an older claim is dead. */
const LEASE_MS = 75_000;
const MAX_KEY_LENGTH = 255;
/** Longest response that is stored, in characters: those of lists with thousands of entries do not fit into a row. */
const MAX_KEPT_LENGTH = 400_000;

/** A request that its caller may repeat. */
export interface RepeatableRequest {
  readonly accountId: string;
  /** Method and path. */
  readonly route: string;
  readonly key: string;
  /** As it was sent. */
  readonly body: unknown;
}

/** A response that can be stored. */
export interface StoredResponse {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** The idempotency key, from one of two headers; null without one. @throws ApiError `invalid_request` */
export function idempotencyKeyOf(headers: Headers): string | null {
  for (const name of ["x-idempotency-key", "idempotency-key"]) {
    const key = headers.get(name);
    if (key === null) continue;
    if (key === "" || key.length > MAX_KEY_LENGTH) {
      throw invalidMember(name, `must have 1 to ${MAX_KEY_LENGTH} characters`);
    }
    return key;
  }
  return null;
}

/**
 * Executes a request once: the first response below 500 is kept for a day and replayed. Temporary errors (429) and
 * server errors are not kept, so that the same key succeeds later.
 *
 * @param work gets the id of what it creates, which is the same for every execution of the request
 * @throws ApiError `idempotency_in_progress`, `idempotency_key_reused`, and what `work` throws
 */
export async function runOnce(
  context: RequestContext,
  { accountId, route, key, body }: RepeatableRequest,
  work: (resourceId: string) => Promise<StoredResponse>,
): Promise<StoredResponse & { replayed: boolean }> {
  const now = context.clock();
  const name: IdempotencyName = { account_id: accountId, route, key };
  const lease_until = now + LEASE_MS;
  const fingerprint = await fingerprintOf(context, body);
  const claim = { ...name, fingerprint, resource_id: context.newId(), lease_until, created_at: now };
  let { claimed, row } = await claimRequest(context.db, claim, now - RESPONSE_KEPT_MS);
  if (!row || !(await isFingerprintOf(context, row.fingerprint, body)))
    throw new ApiError("idempotency_key_reused");
  if (!claimed && row.status === null && row.fingerprint !== fingerprint) {
    // the same request, with a fingerprint by a former key: it can still be taken over
    const former = { ...claim, fingerprint: row.fingerprint };
    ({ claimed, row = row } = await claimRequest(context.db, former, now - RESPONSE_KEPT_MS));
  }
  if (!claimed) {
    if (row.status === null || row.body === null) {
      throw new ApiError("idempotency_in_progress", { retryAfterSeconds: 1 });
    }
    return { status: row.status, body: row.body, replayed: true };
  }
  try {
    const response = await work(row.resource_id);
    const claim = { ...name, lease_until };
    // what it created exists: executing the request again finds it by its id and builds the response
    if (isTooLarge(response)) await releaseRequest(context.db, claim);
    else await keepResponse(context.db, claim, response);
    return { ...response, replayed: false };
  } catch (error) {
    const claim = { ...name, lease_until };
    const kept = error instanceof ApiError ? refusalToKeep(error) : null;
    context.defer(kept ? keepResponse(context.db, claim, kept) : releaseRequest(context.db, claim));
    throw error;
  }
}

const isTooLarge = ({ body }: StoredResponse): boolean => JSON.stringify(body).length > MAX_KEPT_LENGTH;

/** Null for an error that another try may not get. */
function refusalToKeep({ status, message, code, issues, details }: ApiError): StoredResponse | null {
  if (status >= 500 || status === 429) return null;
  return { status, body: { error: message, code, ...(issues ? { issues: [...issues] } : {}), ...details } };
}
