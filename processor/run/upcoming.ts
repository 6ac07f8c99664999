import type { RunRequest } from "../../schema/wire/run.ts";
import { SourceFault } from "../fault.ts";

/** A scheduled stream that has not begun. */
export class UpcomingError extends SourceFault {
  /** When it is scheduled, in epoch milliseconds; null if the source does not state it. */
  readonly releaseAt: number | null;

  /** @param releaseTimestamp epoch seconds */
  constructor(releaseTimestamp: number | null | undefined) {
    super("upcoming");
    this.releaseAt = releaseTimestamp ? releaseTimestamp * 1000 : null;
  }
}

/** Shortest and longest time between two checks, in milliseconds. */
const GAP = { min: 15_000, max: 10 * 60_000 };

/**
 * When to check again whether a stream has begun, in epoch milliseconds; null if the wait is over or the caller does not
 * want to wait. The stream is checked at its scheduled time; without one, and for a late stream, the intervals grow with
 * the time waited.
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
