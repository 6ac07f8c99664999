import { clearUpload } from "../db/job-queue.ts";
import type { JobRow } from "../db/job-rows.ts";
import type { Scope } from "../services.ts";

/**
 * Aborts the unfinished upload that a job names, if it names one.
 *
 * @param options.forget no run can add parts any more: the job need not name the upload any longer
 * @throws Error when the storage refuses or is away; the job still names the upload then
 */
export async function abortUpload(
  scope: Scope,
  { id, upload_key, upload_ref }: Pick<JobRow, "id" | "upload_key" | "upload_ref">,
  { forget }: { forget: boolean },
): Promise<void> {
  if (upload_key === null || upload_ref === null) return;
  await scope.bucket.abortUpload(upload_key, upload_ref);
  if (forget) await clearUpload(scope.db, id, upload_ref);
}
