import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import { returnToQueue, transition } from "../jobs/transitions.ts";

/**
 * Takes back jobs whose run is lost; those that lost too many runs end.
 *
 * @param jobs as they were just read
 * @param isLost asked again of a job that is moved on its own, as it is then
 * @returns how many were taken back, and how many failed to be
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
