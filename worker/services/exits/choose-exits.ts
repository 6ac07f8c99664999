import { DIRECT } from "../../../schema/exits.ts";
import { availableAt, type PairHealth, stateOf } from "./pair-health.ts";

/** An exit as a run may get it. */
export interface Candidate {
  readonly name: string;
  readonly country: string | null;
  readonly costPerGb: number;
  /** Most runs at the same time; null: without limit. */
  readonly maxRuns: number | null;
  /** Runs that use it now. */
  readonly running: number;
  /** How the job's site treats it. */
  readonly health: PairHealth;
}

export interface Wish {
  /** ISO code of the country that the job asks for. */
  readonly geo?: string | null | undefined;
  /** Name of the only exit that the run may use, because a session belongs to its address. */
  readonly requiredExit?: string | null | undefined;
}

export type Choice =
  /** Names of exits: the run's own first, then those that may replace it if the site refuses. */
  | { readonly type: "chosen"; readonly order: readonly [string, ...string[]] }
  | { readonly type: "wait"; readonly until: number; readonly why: "refused" | "pace" | "full" }
  /** No exit fulfils the wish. */
  | { readonly type: "none" };

/** Exits that one run may use, one after the other. */
const MAX_EXITS = 4;
/** How soon a job looks again for an exit whose runs are all taken, in milliseconds. */
const FULL_MS = 5_000;

/**
 * Chooses the exits of a run. A pair whose pause is over is probed first, one run at a time, because another exit takes
 * over at once if the site still refuses. Of the others, the cheapest is first, then one that is not ahead of its pace, then
 * the one with the fewest runs, then the one that rested longest: all are used in turn.
 *
 * @param now epoch milliseconds
 * @param random from 0 to 1: decides between equals
 */
export function chooseExits(
  candidates: readonly Candidate[],
  wish: Wish,
  now: number,
  random: () => number,
): Choice {
  const fitting = candidates.filter(
    ({ name, country }) =>
      (wish.geo == null || country === wish.geo) && (wish.requiredExit == null || name === wish.requiredExit),
  );
  if (fitting.length === 0) return { type: "none" };
  const free = fitting.filter(({ maxRuns, running }) => maxRuns === null || running < maxRuns);
  if (free.length === 0) return { type: "wait", until: now + FULL_MS, why: "full" };
  const ready = free
    .filter(({ health }) => availableAt(health, now) <= now)
    .map((candidate) => ({ candidate, isProbe: isProbe(candidate, now), tie: random() }))
    .sort(
      (a, b) =>
        Number(b.isProbe) - Number(a.isProbe) ||
        a.candidate.costPerGb - b.candidate.costPerGb ||
        restOf(a.candidate, now) - restOf(b.candidate, now) ||
        a.candidate.running - b.candidate.running ||
        a.candidate.health.nextAt - b.candidate.health.nextAt ||
        a.tie - b.tie,
    );
  const [first, ...others] = ready;
  if (first) {
    const replacements = others.filter((other) => !other.isProbe).slice(0, MAX_EXITS - 1);
    return { type: "chosen", order: [first, ...replacements].map(nameOf) as [string, ...string[]] };
  }
  const until = Math.min(...free.map(({ health }) => availableAt(health, now)));
  const isPaced = free.some(({ health }) => stateOf(health, now) === "closed");
  return { type: "wait", until, why: isPaced ? "pace" : "refused" };
}

const isProbe = ({ health }: Candidate, now: number): boolean => stateOf(health, now) === "half_open";

/** How far ahead of its pace a pair is. */
const restOf = ({ health }: Candidate, now: number): number =>
  health.pace === null ? 0 : Math.max(0, health.nextAt - now);

const nameOf = ({ candidate }: { readonly candidate: Candidate }): string => candidate.name;

/**
 * Whether media may be tried without the run's exit. The operator must have listed the direct way as an exit, and a job
 * that asks for a country gets its media from there, too.
 */
export function mayFetchDirectly(
  order: readonly string[],
  { names, mediaExit, geo, directMedia }: DirectMedia,
  now: number,
): boolean {
  if (mediaExit === "same" || geo != null || order[0] === DIRECT || !names.includes(DIRECT)) return false;
  return availableAt(directMedia, now) <= now;
}

interface DirectMedia {
  /** Names of all exits. */
  readonly names: readonly string[];
  readonly mediaExit: "auto" | "same";
  readonly geo: string | null;
  /** How the site treats media requests that do not come from the address of the extraction. */
  readonly directMedia: PairHealth;
}
