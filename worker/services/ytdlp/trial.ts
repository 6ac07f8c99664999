import { SERVED } from "../../../schema/exits.ts";
import type { TrialState, YtdlpReport, YtdlpRole } from "../../../schema/wire/ytdlp-versions.ts";
import { type Breaker, stateOf, struck } from "../exits/pair-health.ts";

/**
 * How a newer version of yt-dlp does at one site, next to the pinned one. Pure functions of a state, evidence and the time;
 * the database holds the state.
 *
 * - On trial: a share of the runs tries the candidate first, and every run that the pinned version fails.
 * - Promoted: it served several runs that the pinned version failed, and comes first.
 * - Rolled back: it failed several runs that the pinned version served. It comes last for a growing time; then one run at a
 *   time tries whether it does better again.
 */

/** Times are epoch milliseconds. */
export interface Trial extends Breaker {
  readonly state: TrialState;
  /**
   * Runs that the pinned version failed and the candidate served, less a share of those that the pinned version served; never
   * below 0. So a version that fails rarely never reaches a threshold, however many runs there are.
   */
  readonly pinnedFaults: number;
  /** The same the other way around. */
  readonly candidateFaults: number;
  /** Runs that the candidate served since the state last changed. */
  readonly servedSince: number;
  /** When the state last changed; 0: never. Runs that were claimed before it say nothing about the time after it. */
  readonly changedAt: number;
}

export const NEW_TRIAL: Trial = {
  ...{ state: "trial", strikes: 0, until: 0, probeUntil: 0 },
  ...{ pinnedFaults: 0, candidateFaults: 0, servedSince: 0, changedAt: 0 },
};

/** A run that is served takes back this much of a fault: versions that fail less than a fifth of the runs are kept. */
export const RELIEF = 0.25;
/** Faults after which a candidate is rolled back. */
export const FAULTS_TO_ROLL_BACK = 3;

/** What a run says of both versions, as it is added to the figures. */
export interface Evidence {
  readonly pinnedFaults: number;
  readonly candidateFaults: number;
  /** 1 if the run tried the candidate. */
  readonly tries: 0 | 1;
  /** 1 if the candidate served it. */
  readonly served: 0 | 1;
}

/**
 * What the results of a run say of both versions; null if nothing. A failure counts against a version only if the other one
 * served the same media: otherwise the media or the site is the reason.
 */
export function evidenceOf({ results }: Pick<YtdlpReport, "results">): Evidence | null {
  const of = (role: YtdlpRole) => results.filter((result) => result.role === role);
  const isServed = (role: YtdlpRole) => of(role).some(({ result }) => result === SERVED);
  const isFaulty = (role: YtdlpRole) => of(role).length > 0 && !isServed(role);
  const faults = (role: YtdlpRole, other: YtdlpRole) =>
    isServed(role) ? -RELIEF : isFaulty(role) && isServed(other) ? 1 : 0;
  const evidence: Evidence = {
    pinnedFaults: faults("pinned", "candidate"),
    candidateFaults: faults("candidate", "pinned"),
    tries: of("candidate").length > 0 ? 1 : 0,
    served: isServed("candidate") ? 1 : 0,
  };
  return Object.values(evidence).every((value) => value === 0) ? null : evidence;
}

/** True if both versions failed in a way that may be their own fault: the site has changed, or there is no media. */
export const failedWithBoth = (report: YtdlpReport | undefined): boolean =>
  report !== undefined &&
  (["pinned", "candidate"] as const).every((wanted) => report.results.some(({ role }) => role === wanted)) &&
  report.results.every(({ result }) => result !== SERVED);

/** The state after the figures were raised; the same object if nothing changes. @param promoteAfter see `YTDLP_PROMOTE_AFTER` */
export function decide(trial: Trial, now: number, promoteAfter: number): Trial {
  const { state, pinnedFaults, candidateFaults, servedSince } = trial;
  const isResting = state === "rolled_back" && stateOf(trial, now) === "open";
  // a single probe decides
  const allowed = state === "rolled_back" ? 1 : FAULTS_TO_ROLL_BACK;
  if (!isResting && candidateFaults >= allowed) {
    return { ...changed(trial, "rolled_back", now), ...struck(trial, now) };
  }
  if (state !== "promoted" && pinnedFaults >= promoteAfter) {
    return { ...changed(trial, "promoted", now), strikes: 0, until: 0, probeUntil: 0 };
  }
  return state === "rolled_back" && !isResting && servedSince > 0 ? changed(trial, "trial", now) : trial;
}

const changed = (trial: Trial, state: TrialState, now: number): Trial => ({
  ...trial,
  ...{ state, pinnedFaults: 0, candidateFaults: 0, servedSince: 0, changedAt: now },
});

/** How the next run uses the candidate; `probe`: first, as the only one at a time. */
export type Use = "first" | "undecided" | "last" | "probe";

export function useOf(trial: Trial, now: number): Use {
  if (trial.state === "promoted") return "first";
  if (trial.state === "trial") return "undecided";
  const state = stateOf(trial, now);
  if (state === "closed") return "undecided";
  return state === "open" || trial.probeUntil > now ? "last" : "probe";
}
