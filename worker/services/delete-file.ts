import { clearDelivery, findJobOf } from "../db/job-rows.ts";
import { dependencyUnavailable, illegalState, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";

/**
 * Deletes the delivered file of a job and what lies beside it.
 *
 * @returns the key that was deleted
 * @throws ApiError `not_found`; `invalid_request` without a file; `dependency_unavailable` when the storage refuses
 */
export async function deleteFile(scope: Scope, accountId: string, id: string): Promise<string> {
  const job = await findJobOf(scope.db, accountId, id.toLowerCase());
  if (!job) throw notFound();
  if (job.status !== "Completed" || job.object_key === null) throw illegalState("Job has no file to delete");
  const beside = [...(job.subtitles ?? []).map(({ key }) => key), job.thumbnail_key];
  const keys = [job.object_key, ...beside].filter((key) => key !== null);
  try {
    await Promise.all(keys.map((key) => scope.bucket.deleteObject(key)));
  } catch (error) {
    throw dependencyUnavailable(error);
  }
  await clearDelivery(scope.db, job.id);
  return job.object_key;
}
