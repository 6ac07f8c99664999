import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import { returnToQueue, transition } from "../jobs/transitions.ts";

/**
 * Makes jobs with a lost run pending again, and ends jobs that lost too many runs.
 *
 * @param jobs as just read
 * @param isLost checked again on the current job before it is moved
 * @returns how many were taken back, and how many failures there were
 */
export async function takeBackLost(
  context: RequestContext,
  jobs: readonly JobRow[],
  isLost: (job: JobRow) => boolean,
): Promise<{ count: number; failures: number }> {
  const event = { type: "interrupted", cause: "lost" } as const;
  const { left, moved } = await returnToQueue(context, jobs, event);
  const results = await Promise.allSettled(
    left.map((read) => transition(context, read.id, event, { read, attempt: read.attempt, only: isLost })),
  );
  let failures = 0;
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    failures += 1;
    context.log("take_back_failed", { job_id: left[index]?.id, error: describeError(result.reason) });
  }
  return { count: moved + left.length, failures };
}
