import { type Assignment, leastCostAssignment } from "../../../lib/assignment.ts";
import { type ComparableTitle, comparableTitle, likeness } from "./compare-titles.ts";

/** An episode as the show's page describes it, or an item of its feed. */
export interface Described {
  readonly title: string;
  /** Epoch milliseconds; null if the day is not known. */
  readonly date: number | null;
  /** The date in the publisher's time zone, as days since the epoch; absent if no zone is given. */
  readonly localDay?: number | null;
  /** Seconds. */
  readonly duration: number | null;
}

/** The index of the item that is the episode; `ambiguous` if several may be it and nothing distinguishes them. */
export type Match = number | "ambiguous" | null;

/** Titles that are less similar than this never match. */
const MIN_LIKENESS = 0.6;
const DAY_MS = 24 * 60 * 60_000;
/** Dates of an episode in directory and feed may differ by this much. */
const NEAR_DAYS = 2;
/** Advertisements may make one copy longer than the other by this much, in seconds or as a share. */
const ALIKE_SECONDS = 120;
const ALIKE_SHARE = 0.05;
/** For twins of one day, durations may differ by this much only, in seconds. */
const SAME_SECONDS = 5;
/** A feed in which so large a share of many items has the same date was migrated: its dates are meaningless. */
const MOVED_SHARE = 0.5;
const MOVED_ITEMS = 3;
/** Maximum number of items of one day whose titles are compared. */
const MAX_PER_DAY = 50;
/** More twins of one day than this cannot be distinguished. */
const MAX_TWINS = 40;
/** With fewer different titles, it is not clear that a show gives its episodes individual names. */
const FEWEST_NAMES = 3;
/** Cost of a day; differences of durations in a group never add up to it. */
const DAY_COST = 1e6;
const UNKNOWN_DURATION_COST = 1e3;
/** Degrees of {@link titleDegree}, best first. */
const DEGREES = [0, 1, 2] as const;

/**
 * Finds the feed's item for each episode. An exact title with its number comes first, then the nearest date, then the
 * duration. A title that several episodes or items share only counts on the same day. Over the whole show, the sum of
 * all differences is minimal, each item is used once, and an episode that could equally be another item is ambiguous.
 */
export function matchEpisodes(
  episodes: readonly Described[],
  items: readonly Described[],
  showName: string,
): Match[] {
  const wanted = episodes.map((episode) => prepare(episode, showName));
  const offered = withoutMovedDates(items.map((item) => prepare(item, showName)));
  const pairs = candidatePairs(wanted, offered);
  const result = episodes.map((): Match => null);
  const taken = new Set<number>();
  for (const degree of DEGREES) {
    const open = pairs.filter(
      (pair) => pair.degree === degree && result[pair.episode] === null && !taken.has(pair.item),
    );
    for (const group of groupsOf(open)) assign(group, result, taken);
  }
  return result;
}

interface Prepared {
  readonly title: ComparableTitle;
  /** Days since the epoch on which it may have been published, because zones differ; empty if the day is not known. */
  readonly days: readonly number[];
  readonly duration: number | null;
}

function prepare({ title, date, localDay, duration }: Described, showName: string): Prepared {
  const days = date === null ? [] : [Math.floor(date / DAY_MS), ...(localDay == null ? [] : [localDay])];
  return { title: comparableTitle(title, showName), days: [...new Set(days)], duration };
}

function withoutMovedDates(items: readonly Prepared[]): readonly Prepared[] {
  const byDay = Map.groupBy(
    items.filter(({ days }) => days.length > 0),
    ({ days }) => days[0],
  );
  const limit = Math.max(MOVED_ITEMS, items.length * MOVED_SHARE);
  return items.map((item) => ((byDay.get(item.days[0])?.length ?? 0) > limit ? { ...item, days: [] } : item));
}

/** An episode and an item that may belong together. */
interface Pair {
  readonly episode: number;
  readonly item: number;
  readonly degree: (typeof DEGREES)[number];
  /** Difference of their durations in seconds; null if one is not known. */
  readonly seconds: number | null;
  /** Others of the same day have the same title. */
  readonly isTwin: boolean;
  readonly cost: number;
}

function candidatePairs(wanted: readonly Prepared[], offered: readonly Prepared[]): Pair[] {
  const byCore = Map.groupBy(offered.keys(), (index) => offered[index]?.title.core ?? "");
  const byDay = new Map<number, number[]>();
  for (const [index, { days }] of offered.entries()) {
    for (const day of days) byDay.set(day, [...(byDay.get(day) ?? []), index]);
  }
  const repeats = [repeatedTitles(wanted), repeatedTitles(offered)] as const;
  const pairs: Pair[] = [];
  for (const [episode, one] of wanted.entries()) {
    const sameDay = one.days.flatMap((day) => byDay.get(day)?.slice(0, MAX_PER_DAY) ?? []);
    for (const item of new Set([...candidatesWithCore(one, byCore, byDay, offered), ...sameDay])) {
      const other = offered[item];
      const pair = other && compare(one, other, repeats);
      if (pair) pairs.push({ episode, item, ...pair });
    }
  }
  return pairs;
}

/** Of many items with the same title, those of the day; the others would not count anyway. */
function candidatesWithCore(
  { title: { core }, days }: Prepared,
  byCore: ReadonlyMap<string, readonly number[]>,
  byDay: ReadonlyMap<number, readonly number[]>,
  offered: readonly Prepared[],
): readonly number[] {
  const all = byCore.get(core) ?? [];
  if (all.length <= MAX_PER_DAY) return all;
  const ofDay = days.flatMap((day) => byDay.get(day) ?? []);
  return ofDay.filter((index) => offered[index]?.title.core === core);
}

/** How often each title occurs, with its number and without: in the whole show, and on one day. */
interface Repeats {
  /** Its titles are individual names: most of them occur once. */
  readonly areNames: boolean;
  readonly exact: ReadonlyMap<string, number>;
  readonly core: ReadonlyMap<string, number>;
  readonly daily: ReadonlyMap<string, number>;
}

function repeatedTitles(all: readonly Prepared[]): Repeats {
  const count = (keys: readonly string[]) => {
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return counts;
  };
  const core = count(all.map(({ title }) => title.core));
  return {
    areNames: core.size >= Math.max(FEWEST_NAMES, all.length / 2),
    exact: count(all.map(({ title }) => exactKey(title))),
    core,
    daily: count(all.flatMap(({ days, title }) => days.map((day) => dailyKey(title, day)))),
  };
}

const dailyKey = ({ core, number, season }: ComparableTitle, day: number): string =>
  `${day} ${season}.${number} ${core}`;

const hasTwin = ({ days, title }: Prepared, { daily }: Repeats): boolean =>
  days.some((day) => (daily.get(dailyKey(title, day)) ?? 0) > 1);

const exactKey = ({ core, number, season }: ComparableTitle): string => `${season}.${number} ${core}`;

/** Null if the two cannot belong together, or only a similar title suggests it. */
function compare(
  one: Prepared,
  other: Prepared,
  repeats: readonly [Repeats, Repeats],
): Omit<Pair, "episode" | "item"> | null {
  const degree = titleDegree(one.title, other.title);
  if (degree === null) return null;
  const days = daysBetween(one.days, other.days);
  const seconds =
    one.duration === null || other.duration === null ? null : Math.abs(one.duration - other.duration);
  const isAlike =
    seconds !== null &&
    seconds <= Math.max(ALIKE_SECONDS, ALIKE_SHARE * Math.max(one.duration ?? 0, other.duration ?? 0));
  const isTwin = degree < 2 && (hasTwin(one, repeats[0]) || hasTwin(other, repeats[1]));
  if (isTwin && seconds !== null && seconds > SAME_SECONDS) return null;
  if (!isEvidence({ one, other, degree, days, seconds, isAlike, repeats })) return null;
  const cost = DAY_COST * (days ?? NEAR_DAYS + 1) + (seconds ?? UNKNOWN_DURATION_COST);
  return { degree, seconds, isTwin, cost };
}

interface Evidence {
  readonly one: Prepared;
  readonly other: Prepared;
  readonly degree: number;
  readonly days: number | null;
  readonly seconds: number | null;
  readonly isAlike: boolean;
  readonly repeats: readonly [Repeats, Repeats];
}

function isEvidence({ one, other, degree, days, seconds, isAlike, repeats }: Evidence): boolean {
  const contradicts = seconds !== null && !isAlike;
  if (degree === 2) return days === 0 && isAlike;
  const [ours, theirs] = repeats;
  const isUnique =
    degree === 0
      ? ours.exact.get(exactKey(one.title)) === 1 && theirs.exact.get(exactKey(other.title)) === 1
      : ours.core.get(one.title.core) === 1 && theirs.core.get(other.title.core) === 1;
  if (!isUnique) return days === 0 && !contradicts;
  const isNear = days !== null && days <= NEAR_DAYS;
  // a number in the title is as good as an individual name
  if (days === null) return isAlike;
  if (degree === 0 && one.title.isNumbered) return isNear && !contradicts;
  // a feed with one or a few items may belong to a show whose titles are all alike
  return days === 0 || (isNear && isAlike && theirs.areNames);
}

/** 0: the same, including the number; 1: the same, but only one has a number; 2: similar; null: different. */
function titleDegree(a: ComparableTitle, b: ComparableTitle): 0 | 1 | 2 | null {
  if (a.core === "" || b.core === "") return null;
  const differ = (x: number | null, y: number | null) => x !== null && y !== null && x !== y;
  if (differ(a.number, b.number) || differ(a.season, b.season)) return null;
  if (a.core === b.core) return a.number === b.number ? 0 : 1;
  return likeness(a.core, b.core) >= MIN_LIKENESS ? 2 : null;
}

function daysBetween(a: readonly number[], b: readonly number[]): number | null {
  const all = a.flatMap((day) => b.map((other) => Math.abs(day - other)));
  return all.length === 0 ? null : Math.min(...all);
}

/** Pairs that compete with each other for episodes or items. */
function groupsOf(pairs: readonly Pair[]): Pair[][] {
  const ofEpisode = Map.groupBy(pairs, ({ episode }) => episode);
  const ofItem = Map.groupBy(pairs, ({ item }) => item);
  const seen = new Set<Pair>();
  const groups: Pair[][] = [];
  for (const first of pairs) {
    if (seen.has(first)) continue;
    const group: Pair[] = [];
    const waiting = [first];
    seen.add(first);
    for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
      group.push(pair);
      for (const next of [...(ofEpisode.get(pair.episode) ?? []), ...(ofItem.get(pair.item) ?? [])]) {
        if (seen.has(next)) continue;
        seen.add(next);
        waiting.push(next);
      }
    }
    groups.push(group);
  }
  return groups;
}

/** Writes the cheapest assignment of a group; what differs in another one of the same cost is ambiguous. */
function assign(group: readonly Pair[], result: Match[], taken: Set<number>): void {
  const episodes = [...new Set(group.map(({ episode }) => episode))];
  const items = [...new Set(group.map(({ item }) => item))];
  const [first] = group;
  if (first && group.length === 1 && !(first.isTwin && first.seconds === null)) {
    result[first.episode] = first.item;
    taken.add(first.item);
    return;
  }
  const decisive = decisivePairs(group);
  const areTooMany = episodes.length > MAX_TWINS || items.length > MAX_TWINS;
  const costs = costsOf(areTooMany ? [] : decisive, episodes, items);
  const best = leastCostAssignment(costs);
  for (const [row, episode] of episodes.entries()) {
    const column = best.columns[row] ?? -1;
    const item = items[column];
    const isDecided =
      item === undefined
        ? !areTooMany && isPreceded(group, decisive, episode)
        : isOnlyChoice(costs, best, row, column);
    result[episode] = isDecided ? (item ?? null) : "ambiguous";
  }
  // an item of an ambiguous episode must not go to another one
  for (const item of items) taken.add(item);
}

/** True if every other assignment matches fewer episodes or is clearly worse. */
function isOnlyChoice(
  costs: readonly (readonly number[])[],
  best: Assignment,
  row: number,
  column: number,
): boolean {
  const without = costs.map((line, index) =>
    index === row ? line.with(column, Number.POSITIVE_INFINITY) : line,
  );
  const other = leastCostAssignment(without);
  return other.matched < best.matched || other.cost - best.cost > SAME_SECONDS;
}

/** An unmatched episode has no item if each candidate fits another episode clearly better. */
const isPreceded = (group: readonly Pair[], decisive: readonly Pair[], episode: number): boolean =>
  group
    .filter((pair) => pair.episode === episode)
    .every((pair) =>
      decisive.some((other) => other.item === pair.item && pair.cost - other.cost > SAME_SECONDS),
    );

/** Twins, which only the duration distinguishes, must have the same duration, apart from rounding. */
function decisivePairs(group: readonly Pair[]): Pair[] {
  return group.filter(({ seconds }) => seconds !== null && seconds <= SAME_SECONDS);
}

function costsOf(pairs: readonly Pair[], episodes: readonly number[], items: readonly number[]): number[][] {
  const [rows, columns] = [indexOf(episodes), indexOf(items)];
  const costs = episodes.map(() => items.map(() => Number.POSITIVE_INFINITY));
  for (const { episode, item, cost } of pairs) {
    const line = costs[rows.get(episode) ?? -1];
    if (line) line[columns.get(item) ?? -1] = cost;
  }
  return costs;
}

const indexOf = (values: readonly number[]): Map<number, number> =>
  new Map(values.map((value, index) => [value, index]));
