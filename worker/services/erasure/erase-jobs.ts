import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { type ErasureRow, endedJobsQuery, eraseJobs } from "../../db/rights/erasure-rows.ts";
import { describeError } from "../../lib/log.ts";
import { type ErasedFiles, eraseFilesOf, eraseUnreported } from "../jobs/erase-files.ts";
import { abortUpload, eraseRecording } from "../storage/orphaned-uploads.ts";
import { ErasureDelayedError, type Step } from "./step.ts";

/** Ended jobs of an account: first what they stored, then their rows. */

/** Jobs whose files are deleted concurrently. */
const AT_ONCE = 20;
/** Pieces of a recording that are deleted before the job is looked at again. */
const MAX_PAGES = 20;
/** How long the account's own storage is asked that does not answer, in milliseconds. */
const PATIENCE_MS = 24 * 60 * 60_000;

export async function eraseEndedJobs(context: RequestContext, erasure: ErasureRow): Promise<Step> {
  const jobs = await endedJobsQuery(context.db, erasure.account_id ?? "", "", AT_ONCE);
  if (jobs.length === 0) return "done";
  const results = await Promise.all(jobs.map((job) => eraseOne(context, erasure, job)));
  const removed = results.filter((result) => "objects" in result);
  if (removed.length > 0) {
    await eraseJobs(
      context.db,
      erasure.id,
      removed.map(({ id }) => id),
      {
        objects: removed.reduce((sum, { objects }) => sum + objects, 0),
        kept: Object.fromEntries(
          (["files_in_own_storage", "files_in_inline_storage"] as const).map((kind) => [
            kind,
            removed.filter(({ kept }) => kept === kind).length,
          ]),
        ),
      },
    );
  }
  const failed = results.find((result) => "failed" in result);
  if (failed && removed.length === 0)
    throw new ErasureDelayedError(`A storage did not delete files: ${failed.failed}`);
  return removed.length > 0 ? "more" : "wait";
}

type Kept = "files_in_own_storage" | "files_in_inline_storage";
type Result =
  | { readonly id: string; readonly objects: number; readonly kept: Kept | null }
  | { readonly id: string; readonly failed: string }
  | { readonly id: string; readonly busy: true };

async function eraseOne(context: RequestContext, erasure: ErasureRow, job: JobRow): Promise<Result> {
  const { id } = job;
  await eraseRemains(context, job);
  const hasFile = job.status === "Completed" && job.object_key !== null && job.file_replaced_by === null;
  const mayExist = hasFile || (job.status !== "Completed" && job.publishing_key !== null);
  if (!mayExist) return { id, objects: 0, kept: null };
  if (job.storage_source === "account" && !erasure.own_storage) {
    return { id, objects: 0, kept: "files_in_own_storage" };
  }
  const erased = await (hasFile ? eraseFilesOf(context, job) : eraseUnreported(context, job));
  return resultOf(context, erasure, job, erased);
}

function resultOf(
  context: RequestContext,
  erasure: ErasureRow,
  { id, storage_source }: JobRow,
  erased: ErasedFiles,
): Result {
  switch (erased.type) {
    case "deleted":
      return { id, objects: erased.objects, kept: null };
    case "kept":
      return {
        id,
        objects: 0,
        kept: erased.reason === "inline_storage" ? "files_in_inline_storage" : "files_in_own_storage",
      };
    case "busy":
      return { id, busy: true };
    case "failed": {
      const isOwn = storage_source === "account";
      const isOver = context.clock() - erasure.requested_at > PATIENCE_MS;
      // the operator's own bucket is asked for as long as it takes
      if (isOwn && (erased.reason === "storage_refused" || isOver)) {
        return { id, objects: 0, kept: "files_in_own_storage" };
      }
      return { id, failed: erased.error };
    }
  }
}

/** Unfinished uploads and pieces of recordings. A storage that does not remove them has rules of its own for that. */
async function eraseRemains(context: RequestContext, job: JobRow): Promise<void> {
  try {
    await abortUpload(context, job, { isFinal: true });
    for (let page = 0; job.recording_key !== null && page < MAX_PAGES; page++) {
      if ((await eraseRecording(context, job)) === 0) break;
    }
  } catch (error) {
    context.log("remains_left", { job_id: job.id, error: describeError(error) });
  }
}
