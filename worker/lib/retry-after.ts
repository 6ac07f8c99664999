/** `Retry-After` in milliseconds from now: seconds or a date; null when there is none. */
export function readRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  const at = /^\d+$/.test(value.trim()) ? now + Number(value) * 1_000 : Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
