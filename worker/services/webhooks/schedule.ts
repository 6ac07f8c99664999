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
 * Largest share that is added to a wait, so that what failed together is not tried together again. Kept well under
 * the tenth that is allowed: whatever is drawn, the last try is made between 75 and 80 hours after the first.
 */
const JITTER = 0.05;

/** An endpoint may ask for no longer wait than this. */
const MAX_ASKED_MS = 24 * HOUR;

/**
 * How long to wait after a failed try; null when it was the last.
 *
 * @param tries how many were made
 * @param retryAfterMs what the endpoint asked for, if it did
 * @param chance 0 to 1
 * @example nextTryInMs(1, null, 0) // 5000
 */
export function nextTryInMs(tries: number, retryAfterMs: number | null, chance: number): number | null {
  const delay = TRY_DELAYS_MS[tries];
  if (delay === undefined) return null;
  return Math.max(Math.round(delay * (1 + JITTER * chance)), Math.min(retryAfterMs ?? 0, MAX_ASKED_MS));
}
