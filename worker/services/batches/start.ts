import type { RequestContext } from "../../context.ts";
import { countsQuery, findBatchOf, startBatch as startRow } from "../../db/batch-rows.ts";
import { illegalState, notFound } from "../../lib/api-error.ts";
import { FIRST_LOOK_GRACE_MS } from "./grace.ts";
import { shownStatus } from "./list-state.ts";

/** Starts a paused batch. @throws ApiError `not_found`; `invalid_request` for a batch that is not paused */
export async function startBatch(context: RequestContext, accountId: string, id: string) {
  const now = context.clock();
  const started = await startRow(context.db, accountId, id, { now, checkDueAt: now + FIRST_LOOK_GRACE_MS });
  if (!started) {
    const batch = await findBatchOf(context.db, accountId, id);
    if (!batch) throw notFound("batch");
    throw illegalState(`Batch is not paused (current status: ${shownStatus(batch)})`);
  }
  const [counts] = await countsQuery(context.db, id);
  context.defer(context.batches.wake(id));
  return { batch_id: id, started_jobs: counts?.pending ?? 0, status: started.status };
}
