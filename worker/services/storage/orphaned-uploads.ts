import { LINK_REF } from "../../../schema/storage/link-ref.ts";
import type { RequestContext } from "../../context.ts";
import { clearRecording, clearUpload } from "../../db/job-queue.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { findStorageConfig } from "../../db/storage-configs.ts";
import { describeError } from "../../lib/log.ts";
import { openSealed } from "./credentials.ts";
import { StorageRefusedError } from "./http.ts";
import { openStorageClient } from "./open-store.ts";
import type { StorageClient } from "./store.ts";

/** Uploads and pieces that runs left behind in a storage. */

type Place = Pick<JobRow, "account_id" | "storage_source" | "storage_place">;
type OrphanedUpload = Place & Pick<JobRow, "id" | "upload_key" | "upload_ref">;
type Recording = Place & Pick<JobRow, "id" | "recording_key">;

/**
 * Aborts the unfinished upload of a job, if there is one.
 *
 * @param options.isFinal no run can add parts any more, so the job may drop its reference to the upload
 * @throws Error when the storage refuses or is down; the job keeps its reference then
 */
export async function abortUpload(
  context: RequestContext,
  job: OrphanedUpload,
  { isFinal }: { isFinal: boolean },
): Promise<void> {
  const { id, upload_key, upload_ref } = job;
  if (upload_key === null || upload_ref === null) return;
  if (upload_ref !== LINK_REF) await (await storeOf(context, job))?.abortUpload(upload_key, upload_ref);
  if (isFinal) await clearUpload(context.db, id, upload_ref);
}

/** Pieces of a recording that are deleted concurrently. */
const PIECES_AT_ONCE = 10;

/**
 * Deletes the first pieces of a recording whose job has ended. The job drops its reference when no piece is left, when
 * the credentials are gone, and when the storage refuses. In the last two cases only the bucket's own lifecycle rule
 * removes the pieces.
 *
 * @returns how many were deleted
 * @throws Error when the storage is down; the job keeps its reference then
 */
export async function eraseRecording(context: RequestContext, job: Recording): Promise<number> {
  const { id, recording_key } = job;
  try {
    const store = recording_key === null ? null : await storeOf(context, job);
    const keys = (await store?.listKeys(`${recording_key}/`)) ?? [];
    for (let at = 0; store && at < keys.length; at += PIECES_AT_ONCE) {
      await Promise.all(keys.slice(at, at + PIECES_AT_ONCE).map((key) => store.deleteObject(key)));
    }
    if (keys.length === 0) await clearRecording(context.db, id);
    return keys.length;
  } catch (error) {
    if (!(error instanceof StorageRefusedError) || error.status >= 500) throw error;
    context.log("recording_left", { job_id: id, error: describeError(error) });
    await clearRecording(context.db, id);
    return 0;
  }
}

/**
 * Null if the storage can no longer be reached: `finalizeStorage` has already done the work, or the account has
 * replaced its storage.
 */
async function storeOf(
  context: RequestContext,
  job: Place,
): Promise<Pick<StorageClient, "abortUpload" | "listKeys" | "deleteObject"> | null> {
  if (job.storage_source === "managed") return context.bucket;
  if (job.storage_source === "inline") return null;
  const config = await findStorageConfig(context.db, job.account_id);
  if (config?.place !== job.storage_place) return null;
  return openStorageClient(
    (await openSealed(context, config.sealed, { owner: job.account_id, purpose: "account.storage" })).target,
    context,
  );
}
