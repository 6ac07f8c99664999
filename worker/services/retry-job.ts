import { JobRequest } from "../../schema/api/job-request.ts";
import type { InlineStorage } from "../../schema/api/storage.ts";
import { findJobOf } from "../db/job-rows.ts";
import { illegalState, invalidMember, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import { acceptJobs } from "./accept-jobs.ts";
import type { Account } from "./key-cache.ts";
import { prepareJob } from "./prepare-job.ts";
import { storageOfRequest } from "./storage-of-request.ts";

const RETRIABLE = ["Failed", "Warning", "Skipped"];

/**
 * Asks for an ended job again, as a new job.
 *
 * @returns the id of the new job
 * @throws ApiError `not_found`; `invalid_request` for a job that is not retriable; as `storageOfRequest` for its
 *   storage, which must come again if it came with the job
 */
export async function retryJob(
  scope: Scope,
  account: Account,
  id: string,
  storage: InlineStorage | undefined,
): Promise<string | undefined> {
  const job = await findJobOf(scope.db, account.id, id.toLowerCase());
  if (!job) throw notFound();
  if (!RETRIABLE.includes(job.status)) throw illegalState("Only failed jobs can be retried");
  if (job.storage_source === "inline" && !storage) {
    throw invalidMember(
      "storage",
      "is required: it came with the job that is retried, and those credentials were erased",
    );
  }
  const prepared = prepareJob(scope.config, account.limits, JobRequest.parse(job.request), job.request);
  const verified = await storageOfRequest(scope, account, storage);
  const [newId] = await acceptJobs(scope, account, [prepared], {
    originalJobId: job.id,
    storage: verified,
  });
  return newId;
}
