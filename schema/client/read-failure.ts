import { z } from "zod";
import { ErrorBody } from "../api/error.ts";
import { type FailureCode, WaterspoutError } from "./waterspout-error.ts";

/** Error bodies as they are read: codes that this client does not know yet are kept. */
const Refusal = ErrorBody.extend({ code: z.string() });

/**
 * The error that an error response describes.
 *
 * @param now epoch milliseconds, for a `Retry-After` that is a date
 */
export async function readFailure(response: Response, now: number): Promise<WaterspoutError> {
  const text = await response.text().catch(() => "");
  const refusal = Refusal.safeParse(parseJson(text)).data;
  const facts = {
    status: response.status,
    requestId: refusal?.request_id ?? response.headers.get("x-request-id"),
    retryAfterMs: retryAfterOf(response.headers, now),
  };
  if (refusal) {
    const { error, code, issues = [] } = refusal;
    return new WaterspoutError(error, { ...facts, code: code as FailureCode, issues });
  }
  return new WaterspoutError(`The server responded with ${response.status} without a reason`, {
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

/** Milliseconds; the header contains seconds or a date. */
function retryAfterOf(headers: Headers, now: number): number | null {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const moment = Date.parse(value);
  return Number.isNaN(moment) ? null : Math.max(0, moment - now);
}
