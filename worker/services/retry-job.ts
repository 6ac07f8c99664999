import { JobRequest } from "../../schema/api/job-request.ts";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { findJobOf } from "../db/job-rows.ts";
import { illegalState, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import { acceptJobs } from "./accept-jobs.ts";
import { prepareJob } from "./prepare-job.ts";

const RETRIABLE = ["Failed", "Warning", "Skipped"];

/**
 * Asks for an ended job again, as a new job.
 *
 * @returns the id of the new job
 * @throws ApiError `not_found`; `invalid_request` for a job that is not retriable
 */
export async function retryJob(
  scope: Scope,
  accountId: string,
  id: string,
  storage: InlineStorage | undefined,
): Promise<string | undefined> {
  const job = await findJobOf(scope.db, accountId, id.toLowerCase());
  if (!job) throw notFound();
  if (!RETRIABLE.includes(job.status)) throw illegalState("Only failed jobs can be retried");
  const request: JobRequest = { ...JobRequest.parse(job.request), ...(storage ? { storage } : {}) };
  const prepared = prepareJob(scope.config, request, job.request);
  const [newId] = await acceptJobs(scope, accountId, [prepared], { originalJobId: job.id });
  return newId;
}
