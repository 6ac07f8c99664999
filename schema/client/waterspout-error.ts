import type { Issue } from "../api/error.ts";
import type { ApiErrorCode } from "../errors.ts";

/** Why a call failed: the code of the error response, or one of the client's if it got no response that it understands. */
export type FailureCode = ApiErrorCode | "unreachable" | "unexpected_answer";

/**
 * A failed call; the message is one sentence for people.
 *
 * @example if (error instanceof WaterspoutError && error.code === "quota_exceeded") …
 */
export class WaterspoutError extends Error {
  override readonly name = "WaterspoutError";
  readonly code: FailureCode;
  /** HTTP status; null when there was no response. */
  readonly status: number | null;
  /** What is wrong with the request, field by field. */
  readonly issues: readonly Issue[];
  /** To find the request in the operator's logs; null if the response has none. */
  readonly requestId: string | null;
  /** Milliseconds to wait before another try, as the response says. */
  readonly retryAfterMs: number | null;

  constructor(
    sentence: string,
    facts: {
      readonly code: FailureCode;
      readonly status?: number;
      readonly issues?: readonly Issue[];
      readonly requestId?: string | null;
      readonly retryAfterMs?: number | null;
      readonly cause?: unknown;
    },
  ) {
    super(sentence, { cause: facts.cause });
    this.code = facts.code;
    this.status = facts.status ?? null;
    this.issues = facts.issues ?? [];
    this.requestId = facts.requestId ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
  }
}
