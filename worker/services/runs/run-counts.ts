import type { Outcome } from "../../../schema/wire/callback.ts";
import type { RequestContext } from "../../context.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { countRun } from "../../db/metrics/statistics.ts";
import { siteOfJob } from "../jobs/job-counts.ts";

/** Time that is reported of runs, in milliseconds. */
export const WINDOW_MS = 60 * 60_000;
/** Runs of this time are counted together, in milliseconds. */
const PERIOD_MS = 5 * 60_000;

/** What an outcome adds to the counters of its site, whether or not it ends the job. */
export function runCounts(
  { clock }: RequestContext,
  job: JobRow,
  outcome: Outcome["outcome"],
): readonly GuardedStatement[] {
  if (outcome.type !== "completed" && outcome.type !== "failed") return [];
  const period = Math.floor(clock() / PERIOD_MS) * PERIOD_MS;
  return [countRun(period, siteOfJob(job), outcome.type === "failed" ? outcome.code : "completed")];
}
