import type { WaterspoutError } from "./waterspout-error.ts";

/** How long and how often a call is tried. */
export interface RetryOptions {
  /** Retries after failures that state no time to wait: broken connections, 5xx. */
  readonly retries: number;
  /** No try begins later than this after the first one, in milliseconds. */
  readonly giveUpAfterMs: number;
}

export const DEFAULT_RETRY_OPTIONS: RetryOptions = { retries: 4, giveUpAfterMs: 300_000 };

/** What happened to a call so far. */
export interface Tries {
  /** Earlier failures that stated no time to wait. */
  readonly failures: number;
  /** Milliseconds since the first try. */
  readonly elapsedMs: number;
  /** Executing the request twice is safe: it changes nothing, or carries an idempotency key. */
  readonly repeatable: boolean;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 8_000;
const PASSING_STATUSES: readonly number[] = [500, 502, 503, 504];

/**
 * How long to wait before the next try, in milliseconds; null when there is none.
 *
 * A 429 is refused before anything is done, so any request may be repeated after it; after broken connections and
 * 5xx only safe ones. A time to wait that the response states is always respected. It is stretched by up to a tenth, so
 * that many clients with the same `Retry-After` do not return together. Without one, the delays grow.
 *
 * @param random from 0 to below 1
 */
export function nextDelay(
  failure: WaterspoutError,
  { failures, elapsedMs, repeatable }: Tries,
  { retries, giveUpAfterMs }: RetryOptions,
  random: number,
): number | null {
  if (!isPassing(failure, repeatable)) return null;
  const { retryAfterMs } = failure;
  if (retryAfterMs === null && failures >= retries) return null;
  const delay =
    retryAfterMs === null ? grownDelay(failures) * (0.5 + random / 2) : retryAfterMs * (1 + random / 10);
  return elapsedMs + delay > giveUpAfterMs ? null : Math.ceil(delay);
}

const grownDelay = (failures: number) => Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures);

function isPassing({ code, status }: WaterspoutError, repeatable: boolean): boolean {
  if (status === 429) return true;
  if (!repeatable) return false;
  if (code === "unreachable" || code === "idempotency_in_progress") return true;
  // the source, not the service, took too long: the caller decides whether to ask it again
  if (code === "probe_timeout" || code === "expansion_timeout") return false;
  return status !== null && PASSING_STATUSES.includes(status);
}
