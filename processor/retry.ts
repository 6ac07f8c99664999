/** Helpers for every retry loop of the processor: growing delays with jitter, `Retry-After`, a sleep that a signal ends. */

/** Clock and random numbers, injected for tests. */
export interface RetryClock {
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
  /** Epoch milliseconds. */
  now(): number;
}

export const REAL_CLOCK: RetryClock = { sleep, random: Math.random, now: Date.now };

export interface BackoffRange {
  /** Upper bound of the delay before the first retry, in milliseconds. */
  readonly firstMs: number;
  /** Upper bound of every delay, in milliseconds. */
  readonly maxMs: number;
}

/**
 * Delay before retry `attempt` (1 is the first): exponential, with the upper half random, so that many
 * clients do not return at the same moment.
 *
 * @example backoffMs(3, { firstMs: 200, maxMs: 10_000 }, () => 0) // 400
 */
export function backoffMs(attempt: number, range: BackoffRange, random: () => number): number {
  const ceiling = Math.min(range.maxMs, range.firstMs * 2 ** (attempt - 1));
  return Math.round((ceiling / 2) * (1 + random()));
}

/** Longest delay that is respected; more is not worth waiting for, and would not fit into a report. */
const MAX_WISHED_MS = 24 * 60 * 60_000;

/**
 * The delay that a `Retry-After` header asks for, in milliseconds, at most a day; undefined without one.
 *
 * @example parseRetryAfter("7", 0) // 7000
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const requested = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(requested) ? undefined : Math.min(MAX_WISHED_MS, Math.max(0, requested));
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
