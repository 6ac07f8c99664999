const SECOND = 1_000;

const MINUTE = 60 * SECOND;

const HOUR = 60 * MINUTE;

/** Waits before each try of a webhook event, in milliseconds: ten tries over a little more than 75 hours. */
export const TRY_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/**
 * Largest share that is added to a wait, so that events that failed together are not retried together. It is well below
 * the permitted tenth, so that the last try is always made between 75 and 80 hours after the first.
 */
const JITTER = 0.05;

/** Longest wait that an endpoint may ask for. */
const MAX_ASKED_MS = 24 * HOUR;

/**
 * How long to wait after a failed try; null after the last one.
 *
 * @param tries number of tries so far
 * @param retryAfterMs the wait that the endpoint asked for, if any
 * @param chance 0 to 1
 * @example nextTryInMs(1, null, 0) // 5000
 */
export function nextTryInMs(tries: number, retryAfterMs: number | null, chance: number): number | null {
  const delay = TRY_DELAYS_MS[tries];
  if (delay === undefined) return null;
  return Math.max(Math.round(delay * (1 + JITTER * chance)), Math.min(retryAfterMs ?? 0, MAX_ASKED_MS));
}
