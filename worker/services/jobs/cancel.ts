import type { Scope } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { illegalState, notFound } from "../../lib/api-error.ts";
import { abortUpload } from "../storage/orphaned-uploads.ts";
import { transition } from "./transitions.ts";

/**
 * Ends a job that is pending or running. The caller's answer waits for the database only; the processor and the
 * storage hear of it afterwards, and a run that does not hear loses its lease.
 *
 * @throws ApiError `not_found`; `invalid_request` when the job has ended or is being published
 */
export async function cancelJob(scope: Scope, accountId: string, id: string): Promise<void> {
  const read = await findJobOf(scope.db, accountId, id.toLowerCase());
  if (!read) throw notFound();
  if (!(await endByCancel(scope, read))) throw illegalState("Job cannot be cancelled (already finished)");
}

/** Cancels a job as it was just read. Answers false when it has ended or is being published. */
export async function endByCancel(scope: Scope, read: JobRow): Promise<boolean> {
  const cancelled = await transition(scope, read.id, { type: "cancelled" }, { read });
  if (cancelled.type !== "moved") return false;
  const { job } = cancelled;
  const running = job.status === "Processing";
  if (running) scope.defer(scope.runner.cancel(job.id, job.runner));
  // while a run may still be sending parts, reconcile aborts once more and only then forgets the upload
  scope.defer(abortUpload(scope, job, { forget: !running }));
  return true;
}
