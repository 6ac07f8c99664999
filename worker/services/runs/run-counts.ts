import { SERVED, UNREACHABLE } from "../../../schema/exits.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { RequestContext } from "../../context.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { type CountedTry, countTries } from "../../db/metrics/statistics.ts";
import { healthKey } from "../exits/assign-exits.ts";
import { resultsOf } from "../exits/exit-outcomes.ts";
import { siteOfJob } from "../jobs/job-counts.ts";
import { failedWithBoth } from "../ytdlp/trial.ts";

/** Time that is reported of runs, in milliseconds. */
export const WINDOW_MS = 60 * 60_000;
/** Longer time that is reported, too. */
export const DAY_MS = 24 * WINDOW_MS;
/** Runs of this time are counted together, in milliseconds. */
const PERIOD_MS = 5 * 60_000;

/**
 * What an outcome adds to the counters of its site and exits, whether or not it ends the job.
 *
 * @param isHeldBack no version of yt-dlp can read the site at present
 */
export function runCounts(
  context: RequestContext,
  job: JobRow,
  outcome: Outcome["outcome"],
  isHeldBack: boolean,
): readonly GuardedStatement[] {
  if (outcome.type !== "completed" && outcome.type !== "failed") return [];
  const now = context.clock();
  const period = Math.floor(now / PERIOD_MS) * PERIOD_MS;
  const isFailing = isHeldBack && outcome.type === "failed" && failedWithBoth(outcome.ytdlp);
  const code = isFailing ? "site_failing" : outcome.type === "failed" ? outcome.code : "completed";
  const tries = resultsOf(job, outcome).filter(({ media }) => !media);
  const common = { period, site: siteOfJob(job), last_at: now };
  return [
    countTries(
      tries.map(({ exit, result }, index): CountedTry => {
        const isLast = index === tries.length - 1;
        return {
          ...common,
          exit: healthKey(context, exit, job.runner),
          outcome: isLast ? code : outcomeOf(result),
          runs: isLast ? 1 : 0,
          tries: 1,
        };
      }),
    ),
  ];
}

const outcomeOf = (result: string): string =>
  result === SERVED ? "completed" : result === UNREACHABLE ? "network" : result;
