/** Anyone who asks for more asks for nothing that could be waited for; larger numbers have no place in a report. */
const MAX_ASKED_MS = 24 * 60 * 60_000;

/**
 * The delay that a `Retry-After` header asks for, in milliseconds, at most a day; undefined without one.
 *
 * @param now epoch milliseconds, for a header that is a date
 * @example parseRetryAfter("7", 0) // 7000
 */
export function parseRetryAfter(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const asked = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(asked) ? undefined : Math.min(MAX_ASKED_MS, Math.max(0, asked));
}
