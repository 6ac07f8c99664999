import type { Batch, BatchProgress } from "../../../schema/api/batch.ts";
import type { RequestContext } from "../../context.ts";
import { type BatchCounts, type BatchRow, readBatch } from "../../db/batch-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { showUrlForOwner } from "../storage/sealed-urls.ts";
import { isListComplete, shownStatus } from "./list-state.ts";

/** A batch as its owner sees it; its counters are the sums of its jobs. @throws ApiError `not_found` */
export async function viewBatch(context: RequestContext, accountId: string, id: string): Promise<Batch> {
  const read = () => readBatch(context.db, accountId, id);
  // a batch that was just created may not have reached the replica
  const found = (await read()) ?? (context.connection.goToPrimary() ? await read() : undefined);
  if (!found) throw notFound("batch");
  const { batch, counts, jobIds } = found;
  return {
    id: batch.id,
    kind: batch.kind,
    show_url: await showUrlForOwner(context, batch),
    title: batch.title,
    status: shownStatus(batch),
    list_complete: isListComplete(batch),
    list_error: batch.listing?.error ?? null,
    folder: batch.folder,
    metadata: batch.metadata,
    ...countersOf(batch, counts),
    episode_jobs: jobIds,
    created_at: batch.created_at,
    started_at: batch.started_at,
    finished_at: batch.finished_at,
  };
}

/** Counters with the contract's names, whatever the batch was created from. */
export const countersOf = (
  { total }: Pick<BatchRow, "total">,
  counts: BatchCounts,
): Omit<BatchProgress, "batch_id" | "status"> => ({
  total_episodes: total,
  completed_episodes: counts.completed,
  failed_episodes: counts.failed,
  skipped_episodes: counts.skipped,
  processing_episodes: counts.processing,
  pending_episodes: counts.pending,
});
