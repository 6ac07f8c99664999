import type { JobEvent } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { illegalState, notFound } from "../../lib/api-error.ts";
import { dispatchAwakened } from "../reuse/twins.ts";
import { abortUpload } from "../storage/orphaned-uploads.ts";
import { transition } from "./transitions.ts";

/**
 * Ends a job that is pending or running. The response waits only for the database. The processor and the storage are
 * informed afterwards; a run that is not reached loses its lease.
 *
 * @throws ApiError `not_found`; `invalid_request` if the job has ended or is being published
 */
export async function cancelJob(context: RequestContext, accountId: string, id: string): Promise<void> {
  const read = await findJobOf(context.db, accountId, id.toLowerCase());
  if (!read) throw notFound("job");
  if (!(await endByCancel(context, read))) throw illegalState("Job cannot be cancelled (already finished)");
}

/** Cancels a job that was just read. False if it has ended or is being published. */
export const endByCancel = (context: RequestContext, read: JobRow): Promise<boolean> =>
  endFromOutside(context, read, { type: "cancelled" });

/**
 * Ends a job whose source the operator denies, like a cancellation.
 *
 * @param contact whom its owner asks about it
 * @returns false if it has ended or is being published
 */
export const endByDenial = (context: RequestContext, read: JobRow, contact: string): Promise<boolean> =>
  endFromOutside(context, read, { type: "denied" }, contact);

async function endFromOutside(
  context: RequestContext,
  read: JobRow,
  event: JobEvent,
  subject?: string,
): Promise<boolean> {
  const ended = await transition(context, read.id, event, {
    read,
    ...(subject === undefined
      ? {}
      : { set: ({ details }: JobRow) => ({ details: { ...details, error_subject: subject } }) }),
  });
  if (ended.type !== "moved") return false;
  const { job } = ended;
  const running = job.status === "Processing";
  if (running) {
    context.defer(context.runner.cancel(job.id, job.runner));
    context.defer(dispatchAwakened(context, job.id));
  }
  // a run may still be sending parts: reconcile aborts once more before it removes the upload's reference
  context.defer(abortUpload(context, job, { isFinal: !running }));
  return true;
}
