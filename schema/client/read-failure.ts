import { z } from "zod";
import { ErrorBody } from "../api/error.ts";
import { parseRetryAfter } from "../retry-after.ts";
import { type FailureCode, WaterspoutError } from "./waterspout-error.ts";

/** Refusals as they are read: a code that this client does not know yet is taken as it is. */
const Refusal = ErrorBody.extend({ code: z.string() });

/**
 * What a refusal says.
 *
 * @param now epoch milliseconds, for a `Retry-After` that names a moment
 */
export async function readFailure(response: Response, now: number): Promise<WaterspoutError> {
  const text = await response.text().catch(() => "");
  const refusal = Refusal.safeParse(parseJson(text)).data;
  const facts = {
    status: response.status,
    requestId: refusal?.request_id ?? response.headers.get("x-request-id"),
    retryAfterMs: parseRetryAfter(response.headers.get("retry-after"), now) ?? null,
  };
  if (refusal) {
    const { error, code, issues = [] } = refusal;
    return new WaterspoutError(error, { ...facts, code: code as FailureCode, issues });
  }
  return new WaterspoutError(`The server answered ${response.status} without a reason`, {
    ...facts,
    code: "unexpected_answer",
  });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
