import type { Issue } from "../api/error.ts";
import type { ApiErrorCode } from "../errors.ts";

/** Why a call failed: a refusal's own code, or one of the client's where the API gave no response that it knows. */
export type FailureCode = ApiErrorCode | "unreachable" | "unexpected_answer";

/**
 * A call that came to nothing; the message is one sentence for people.
 *
 * @example if (error instanceof WaterspoutError && error.code === "quota_exceeded") …
 */
export class WaterspoutError extends Error {
  override readonly name = "WaterspoutError";
  readonly code: FailureCode;
  /** HTTP status; null when there was no response. */
  readonly status: number | null;
  /** What is wrong with the request, member by member. */
  readonly issues: readonly Issue[];
  /** For the operator's logs; null when the response names none. */
  readonly requestId: string | null;
  /** Milliseconds after which asking again makes sense, as the response says. */
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
