import type { JobErrorCode } from "../../../schema/errors.ts";

/**
 * How one site treats one exit: a breaker with probes, and a pace that adapts. Pure functions of a state, an event and
 * the time; the database holds the state.
 *
 * - Closed: runs go on, at the pair's pace.
 * - Open: after a refusal no run uses the pair for a growing time.
 * - Half-open: when that time is over, one run at a time tries. If it is served, the breaker closes.
 */

/** Pauses that grow, with one probe at a time when they are over. Times are epoch milliseconds. */
export interface Breaker {
  /** Consecutive refusals, each after a pause; 0: closed. */
  readonly strikes: number;
  /** Open until then. */
  readonly until: number;
  /** A probe is under way until then, at most. */
  readonly probeUntil: number;
}

export interface PairHealth extends Breaker {
  /** Consecutive failures that may have another cause; several in a row count as a refusal. */
  readonly faults: number;
  /** Runs per minute; null: without limit. */
  readonly pace: number | null;
  /** From this pace on, growth is slow: half of the pace at which the site refused. */
  readonly ceiling: number | null;
  /** When the next run is due at this pace. */
  readonly nextAt: number;
  readonly reason: JobErrorCode | "unreachable" | null;
  /** When it last opened or closed. */
  readonly changedAt: number;
}

/** Pauses after a refusal, in milliseconds; each further one doubles the first. */
export const PAUSES = { first: 60_000, longest: 60 * 60_000 };
/** Strikes that are this old no longer count. */
export const FORGET_MS = 24 * 60 * 60_000;
/** Longest pause that a site may ask for. */
const LONGEST_ASKED_MS = 60 * 60_000;
/** A probe that has not ended after this long no longer holds others back. */
export const PROBE_MS = 60_000;
/** Failures without a certain cause that count as a refusal. */
const FAULTS_PER_STRIKE = 3;
/** Runs that may start at once after a rest. */
const BURST = 10;
const MINUTE_MS = 60_000;

/** Runs per minute: at the beginning of an acquaintance, at least, and from when on there is no limit. */
export const PACE = { start: 60, least: 1, none: 3_000 };

const NEW: PairHealth = {
  ...{ strikes: 0, faults: 0, until: 0, probeUntil: 0 },
  ...{ pace: null, ceiling: null, nextAt: 0, reason: null, changedAt: 0 },
};

/** A pair that nothing is known of. @param careful starts slowly, because a fleet of exits must not hammer a site */
export const newPair = (careful: boolean): PairHealth => (careful ? { ...NEW, pace: PACE.start } : NEW);

/** True for a pair that needs no memory. */
export const isForgettable = ({ strikes, faults, pace }: PairHealth): boolean =>
  strikes === 0 && faults === 0 && pace === null;

export type PairState = "closed" | "open" | "half_open";

export function stateOf({ strikes, until }: Pick<Breaker, "strikes" | "until">, now: number): PairState {
  if (until > now) return "open";
  return strikes > 0 && until > now - FORGET_MS ? "half_open" : "closed";
}

/** When a run may use the pair; a time that has come means now. */
export function availableAt(pair: PairHealth, now: number): number {
  const state = stateOf(pair, now);
  if (state === "open") return pair.until;
  if (state === "half_open") return pair.probeUntil;
  return pair.pace === null ? 0 : pair.nextAt - (BURST - 1) * intervalOf(pair.pace);
}

/** A run begins to use the pair. */
export function taken(pair: PairHealth, now: number): PairHealth {
  const isProbe = stateOf(pair, now) === "half_open";
  return {
    ...pair,
    nextAt: pair.pace === null ? pair.nextAt : Math.max(pair.nextAt, now) + intervalOf(pair.pace),
    probeUntil: isProbe ? now + PROBE_MS : pair.probeUntil,
  };
}

/** The site served a run. Runs that began before a refusal say nothing about the time after it. */
export function served(pair: PairHealth, now: number): PairHealth {
  const state = stateOf(pair, now);
  if (state === "open") return pair;
  return {
    ...pair,
    ...{ strikes: 0, faults: 0, until: 0, probeUntil: 0, reason: null, pace: grown(pair) },
    ceiling: grown(pair) === null ? null : pair.ceiling,
    changedAt: state === "half_open" ? now : pair.changedAt,
  };
}

/** Doubles in a minute of full use up to the ceiling, then grows by a tenth in that time. */
function grown({ pace, ceiling }: PairHealth): number | null {
  if (pace === null) return null;
  const next = pace + (ceiling === null || pace < ceiling ? 1 : 0.1);
  return next >= PACE.none ? null : next;
}

/** A refusal. */
export interface Refusal {
  readonly reason: NonNullable<PairHealth["reason"]>;
  /** How long the site asked to wait. */
  readonly askedMs: number;
  /** It may have a cause other than the exit, so it takes several in a row to open the breaker. */
  readonly isSoft: boolean;
}

/** The site refused a run. Refusals of runs that were under way when it was struck count once. */
export function refused(pair: PairHealth, now: number, { reason, askedMs, isSoft }: Refusal): PairHealth {
  const state = stateOf(pair, now);
  const faults = pair.faults + 1;
  if (isSoft && state === "closed" && faults < FAULTS_PER_STRIKE) return { ...pair, faults, reason };
  const halved = Math.max(PACE.least, (pair.pace ?? PACE.start) / 2);
  return {
    ...pair,
    ...{ ...struck(pair, now, askedMs), faults: 0, reason, nextAt: 0 },
    ...(state === "open" ? {} : { pace: halved, ceiling: halved }),
    changedAt: state === "closed" ? now : pair.changedAt,
  };
}

/** The pause after another strike; one that falls into a pause does not make the next one longer. */
export function struck(breaker: Breaker, now: number, askedMs = 0): Breaker {
  const before = breaker.until < now - FORGET_MS ? 0 : breaker.strikes;
  const strikes = stateOf(breaker, now) === "open" ? before : before + 1;
  const asked = Math.min(askedMs, LONGEST_ASKED_MS);
  const pause = Math.min(PAUSES.longest, PAUSES.first * 2 ** Math.min(20, strikes - 1));
  return { strikes, until: Math.max(breaker.until, now + Math.max(asked, pause)), probeUntil: 0 };
}

const intervalOf = (pace: number): number => MINUTE_MS / pace;
