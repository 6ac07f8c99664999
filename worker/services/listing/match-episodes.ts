import { likeness, normaliseTitle } from "./compare-titles.ts";

/** An episode as the show's page tells it, or an item of its feed. */
export interface Described {
  readonly title: string;
  /** Epoch milliseconds; null when it is not known to the day. */
  readonly date: number | null;
  /** Seconds. */
  readonly duration: number | null;
}

/** Points for a title that is the same; less in the measure that it is alike. */
const TITLE_POINTS = 50;
/** Points for dates at most {@link NEAR_DAYS} apart. */
const DATE_POINTS = 25;
/** Points for durations at most 5 % or 120 s apart: advertisements differ from one copy to the next. */
const DURATION_POINTS = 25;
/** Titles that are less alike than this never match, whatever else does. */
const MIN_LIKENESS = 0.6;
const MIN_POINTS = 70;

const DAY_MS = 24 * 60 * 60_000;
const NEAR_DAYS = 2;
/** Items of one day that an episode is compared with: feeds that moved may date all of them alike. */
const MAX_PER_DAY = 50;

/**
 * Points for two descriptions being of the same episode, 0 to 100: 50 for the same title (in the measure that it is
 * alike), 25 for dates at most two days apart, 25 for durations at most 5 % or 120 s apart. What one of them does not
 * tell gives nothing. From 70 on they are the same: the title and one of the other two, or a similar title and both.
 *
 * @returns 0 for titles that are less than 0.6 alike
 */
export function matchPoints(episode: Described, item: Described, showName = ""): number {
  return points(prepare(episode, showName), prepare(item, showName));
}

/**
 * Finds for each episode the item of the feed that is the same; the best pair first, each item for one episode.
 *
 * @returns for each episode the index of its item, or null
 */
export function matchEpisodes(
  episodes: readonly Described[],
  items: readonly Described[],
  showName: string,
): (number | null)[] {
  const prepared = items.map((item) => prepare(item, showName));
  const indexes = prepared.map((_, index) => index);
  const byTitle = Map.groupBy(indexes, (index) => prepared[index]?.plain ?? "");
  const byDay = Map.groupBy(indexes, (index) => prepared[index]?.day ?? null);
  const pairs: { episode: number; item: number; points: number }[] = [];
  for (const [episode, described] of episodes.entries()) {
    const wanted = prepare(described, showName);
    for (const item of candidatesOf(wanted, byTitle, byDay)) {
      const candidate = prepared[item];
      const sum = candidate ? points(wanted, candidate) : 0;
      if (sum >= MIN_POINTS) pairs.push({ episode, item, points: sum });
    }
  }
  const result = episodes.map((): number | null => null);
  const taken = new Set<number>();
  for (const { episode, item } of pairs.sort((a, b) => b.points - a.points)) {
    if (result[episode] !== null || taken.has(item)) continue;
    result[episode] = item;
    taken.add(item);
  }
  return result;
}

interface Prepared extends Described {
  readonly plain: string;
  /** Days since the epoch. */
  readonly day: number | null;
}

const prepare = (described: Described, showName: string): Prepared => ({
  ...described,
  plain: normaliseTitle(described.title, showName),
  day: described.date === null ? null : Math.floor(described.date / DAY_MS),
});

/** Those with the same title, and those of the days around: all that can reach the points. */
function candidatesOf(
  { plain, day }: Prepared,
  byTitle: ReadonlyMap<string, readonly number[]>,
  byDay: ReadonlyMap<number | null, readonly number[]>,
): Set<number> {
  const near = new Set(byTitle.get(plain)?.slice(0, MAX_PER_DAY));
  if (day === null) return near;
  for (let other = day - NEAR_DAYS; other <= day + NEAR_DAYS; other++) {
    for (const index of byDay.get(other)?.slice(0, MAX_PER_DAY) ?? []) near.add(index);
  }
  return near;
}

function points(a: Prepared, b: Prepared): number {
  const alike = likeness(a.plain, b.plain);
  if (alike < MIN_LIKENESS) return 0;
  return (
    TITLE_POINTS * alike + (isNear(a.day, b.day) ? DATE_POINTS : 0) + (lastAlike(a, b) ? DURATION_POINTS : 0)
  );
}

const isNear = (a: number | null, b: number | null): boolean =>
  a !== null && b !== null && Math.abs(a - b) <= NEAR_DAYS;

function lastAlike({ duration: a }: Described, { duration: b }: Described): boolean {
  return a !== null && b !== null && Math.abs(a - b) <= Math.max(120, 0.05 * Math.max(a, b));
}
