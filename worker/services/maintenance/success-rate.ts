import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import type { SiteRuns } from "../../context.ts";

/** With fewer runs, no statement is made. */
const MIN_RUNS = 5;

/** True for failures that speak against the site, not against the media, the request or this service. */
export const isSiteFailure = (outcome: string): boolean => {
  const { party, retry } = JOB_ERRORS[outcome as JobErrorCode] ?? {};
  return party === "source" && retry !== "never";
};

const isContentVerdict = (outcome: string): boolean =>
  JOB_ERRORS[outcome as JobErrorCode]?.outcome === "Warning";

/** Share of runs that a site served; null with too few. @param counted runs with their last exit, or tries with each */
export function rateOf(rows: readonly SiteRuns[], counted: "runs" | "tries"): number | null {
  const sumOf = (which: (outcome: string) => boolean) =>
    rows.filter(({ outcome }) => which(outcome)).reduce((sum, row) => sum + row[counted], 0);
  const failed = sumOf(isSiteFailure);
  // the response to private or removed media is correct
  const judged = sumOf((outcome) => outcome === "completed" || isContentVerdict(outcome)) + failed;
  return judged < MIN_RUNS ? null : Math.round(((judged - failed) / judged) * 100) / 100;
}

/** When a run was last delivered, in epoch milliseconds; null if none was. */
export function lastSuccessOf(rows: readonly SiteRuns[]): number | null {
  const times = rows.filter(({ outcome }) => outcome === "completed").map(({ lastAt }) => lastAt);
  return times.length === 0 ? null : Math.max(...times);
}

/** The failure that speaks most often against the site; null if there is none. */
export function reasonOf(rows: readonly SiteRuns[]): JobErrorCode | null {
  const [first] = rows
    .filter(({ outcome, runs }) => runs > 0 && isSiteFailure(outcome))
    .sort((a, b) => b.runs - a.runs);
  return (first?.outcome as JobErrorCode | undefined) ?? null;
}
