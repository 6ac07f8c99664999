import { Cron } from "croner";
import {
  DEFAULT_INTERVAL_SECONDS,
  MIN_INTERVAL_SECONDS,
  type Schedule,
} from "../../../schema/api/subscriptions/subscription.ts";
import { invalidMember } from "../../lib/api-error.ts";

/** The schedule of a subscription that names none. */
export const DEFAULT_SCHEDULE: Schedule = { interval_seconds: DEFAULT_INTERVAL_SECONDS };

/** Largest deviation from an interval, as a share of it, in both directions. */
const JITTER = 0.025;
/** Latest start after a time that cron names, in milliseconds: sources are not read at the same second. */
const CRON_JITTER_MS = 30_000;
/** Occurrences of a cron schedule whose distances are checked. */
const CHECKED = 50;

/**
 * When a source is read next: as the most frequent schedule of those who follow it says.
 *
 * @param schedules without any, nobody waits for the source
 * @param lastAt the last reading; null before the first one, which is due at once
 * @param chance from 0 to 1, for the deviation
 * @returns epoch milliseconds; null for never
 */
export function nextPoll(
  schedules: readonly Schedule[],
  { lastAt, now, chance }: { lastAt: number | null; now: number; chance: number },
): number | null {
  if (schedules.length === 0) return null;
  if (lastAt === null) return now;
  const times = schedules.map((schedule) => {
    if ("interval_seconds" in schedule) {
      return lastAt + Math.round(schedule.interval_seconds * 1000 * (1 + JITTER * (2 * chance - 1)));
    }
    const next = cronOf(schedule).nextRun(new Date(lastAt));
    return next === null ? Number.POSITIVE_INFINITY : next.getTime() + Math.round(CRON_JITTER_MS * chance);
  });
  const next = Math.min(...times);
  return Number.isFinite(next) ? next : null;
}

const cronOf = ({ cron, time_zone = "UTC" }: Extract<Schedule, { cron: string }>): Cron =>
  new Cron(cron, { timezone: time_zone, mode: "5-part", paused: true });

/**
 * Checks what the schema cannot.
 *
 * @throws ApiError `invalid_request` for a cron expression or a time zone that is not understood, or that reads a source
 *   more often than every five minutes
 */
export function requireSchedule(schedule: Schedule | undefined, now: number): void {
  if (schedule === undefined || !("cron" in schedule)) return;
  const { cron, time_zone: zone } = schedule;
  if (zone !== undefined && !isTimeZone(zone)) {
    throw invalidMember("schedule.time_zone", `must be an IANA time zone such as Europe/Berlin, not ${zone}`);
  }
  let times: Date[];
  try {
    times = cronOf(schedule).nextRuns(CHECKED, new Date(now));
  } catch {
    throw invalidMember("schedule.cron", `must be five fields such as "0 6 * * 1-5", not "${cron}"`);
  }
  if (times.length === 0) throw invalidMember("schedule.cron", "never comes");
  for (const [index, time] of times.slice(1).entries()) {
    if (time.getTime() - (times[index]?.getTime() ?? 0) < MIN_INTERVAL_SECONDS * 1000) {
      throw invalidMember("schedule.cron", "must leave five minutes or more between two readings");
    }
  }
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
