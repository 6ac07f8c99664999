import type { RunRequest } from "../../schema/wire/run.ts";
import { SourceFault } from "../fault.ts";

/** A stream that is announced and has not begun. */
export class UpcomingError extends SourceFault {
  /** When it is to begin, in epoch milliseconds; null when the source does not say. */
  readonly releaseAt: number | null;

  /** @param releaseTimestamp epoch seconds */
  constructor(releaseTimestamp: number | null | undefined) {
    super("upcoming");
    this.releaseAt = releaseTimestamp ? releaseTimestamp * 1000 : null;
  }
}

/** Shortest and longest time between two looks, in milliseconds. */
const GAP = { min: 15_000, max: 10 * 60_000 };

/**
 * When to look again at a stream that has not begun, in epoch milliseconds; null when it was waited for long enough,
 * or when the caller does not want to wait. The announced time is looked at as it comes; without one, and for a
 * stream that is late, the gaps grow with the time that was waited.
 *
 * @example nextLook({ since: 0, until: 86_400_000 }, null, 60_000) // 90_000: half as long as it was waited so far
 */
export function nextLook(wait: RunRequest["wait"], releaseAt: number | null, now: number): number | null {
  if (wait === null || now >= wait.until) return null;
  const lateSince = Math.max(wait.since, releaseAt ?? 0);
  const gap = Math.min(GAP.max, Math.max(GAP.min, (now - lateSince) / 2));
  const announced = releaseAt !== null && releaseAt > now;
  const next = announced ? Math.max(releaseAt, now + GAP.min) : now + gap;
  return Math.min(wait.until, Math.round(next));
}
