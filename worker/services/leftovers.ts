import { clearUpload } from "../db/job-queue.ts";
import type { JobRow } from "../db/job-rows.ts";
import { findStorageConfig } from "../db/storage-configs.ts";
import type { Scope } from "../services.ts";
import { openSealed } from "./credentials.ts";
import { type ObjectStore, openStore } from "./storage-store.ts";

type Leftover = Pick<
  JobRow,
  "id" | "account_id" | "storage_source" | "storage_place" | "upload_key" | "upload_ref"
>;

/**
 * Aborts the unfinished upload that a job names, if it names one.
 *
 * @param options.forget no run can add parts any more: the job need not name the upload any longer
 * @throws Error when the storage refuses or is away; the job still names the upload then
 */
export async function abortUpload(
  scope: Scope,
  job: Leftover,
  { forget }: { forget: boolean },
): Promise<void> {
  const { id, upload_key, upload_ref } = job;
  if (upload_key === null || upload_ref === null) return;
  await (await storeOf(scope, job))?.abortUpload(upload_key, upload_ref);
  if (forget) await clearUpload(scope.db, id, upload_ref);
}

/** Null where nobody can abort it any more: `closeStorage` did what was to be done, or the account's storage is another one now. */
async function storeOf(scope: Scope, job: Leftover): Promise<Pick<ObjectStore, "abortUpload"> | null> {
  if (job.storage_source === "managed") return scope.bucket;
  if (job.storage_source === "inline") return null;
  const config = await findStorageConfig(scope.db, job.account_id);
  if (config?.place !== job.storage_place) return null;
  return openStore((await openSealed(scope, config.sealed, job.account_id)).target, scope);
}
