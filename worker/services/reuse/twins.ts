import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { findAwakened, waitForTwin } from "../../db/reuse/twins.ts";
import { DISPATCH_GRACE_MS, sendDispatchMessages } from "../queue/sender.ts";

/**
 * Two jobs of an account for the same media share one run: the second waits until the first ends, and copies its file. A
 * job that waits is pending, and never waited for, so no two can wait for each other. It is due again when the first ends
 * in any way, and at the latest after a while: then it looks again, and runs itself if nobody fetches the media.
 */

/** How long a job waits before it looks again, in milliseconds: as long as it has waited, within these bounds. */
const FIRST_WAIT_MS = 15_000;
const LONGEST_WAIT_MS = 5 * 60_000;
/** The most jobs that get a dispatch message at the end of their twin; the ends of runs start the others. */
const AWAKENED = 100;

/** Postpones a pending job while its twin runs. False if that has just ended. */
export async function postponeForTwin(context: RequestContext, job: JobRow, twin: string): Promise<boolean> {
  const now = context.clock();
  const waited = now - job.created_at;
  const dueAt = now + Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, waited));
  const wait = { twin, dueAt, enqueueDueAt: dueAt + DISPATCH_GRACE_MS };
  if (!(await waitForTwin(context.db, job, wait))) return false;
  context.log("waits_for_twin", { job_id: job.id, twin, ms: dueAt - now });
  context.defer(sendDispatchMessages(context, [job.id], dueAt - now));
  return true;
}

/** Sends the messages of jobs that no longer wait for a run, where no report of that run starts them. */
export async function dispatchAwakened(context: RequestContext, twin: string): Promise<void> {
  const ids = await findAwakened(context.db, twin, context.clock(), AWAKENED);
  if (ids.length > 0) await sendDispatchMessages(context, ids);
}
