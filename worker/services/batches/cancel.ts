import type { RequestContext } from "../../context.ts";
import { claimedQuery, findBatchOf, markCancelled, untouchedQuery } from "../../db/batch-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { endByCancel } from "../jobs/cancel.ts";
import { cancelUntouched } from "../jobs/transitions.ts";
import { finishBatch } from "./finish.ts";
import { BATCH_GRACE_MS } from "./grace.ts";
import { shownStatus } from "./list-state.ts";

/** Jobs that are cancelled in one round trip. */
const PAGE = 1_000;
/** Claimed jobs that are cancelled in one round, two or three calls of the database each. */
const CLAIMED = 250;
/** Calls after which the rest is left to the batch's object. */
const MAX_CALLS = 250;
/** Jobs that were claimed while others were being cancelled are cancelled in the next round. */
const ROUNDS = 3;

/**
 * Cancels every unfinished job of a batch; from then on the batch starts no job. A job that is being published still
 * completes. If the Worker dies meanwhile, the batch's object continues.
 *
 * @throws ApiError `not_found`
 */
export async function cancelBatch(context: RequestContext, accountId: string, id: string) {
  const now = context.clock();
  const times = { now, checkDueAt: now + BATCH_GRACE_MS };
  const batch = await markCancelled(context.db, accountId, id, times);
  if (!batch) {
    const ended = await findBatchOf(context.db, accountId, id);
    if (!ended) throw notFound("batch");
    return { batch_id: id, cancelled_jobs: 0, status: shownStatus(ended) };
  }
  const cancelled_jobs = await cancelRest(context, batch);
  const status = (await finishBatch(context, id)) ?? batch.status;
  context.defer(context.batches.wake(id));
  return { batch_id: id, cancelled_jobs, status };
}

/** Cancels the jobs of a cancelled batch that can be cancelled. @returns how many */
export async function cancelRest(context: RequestContext, { id }: { readonly id: string }): Promise<number> {
  let cancelled = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = cancelled;
    cancelled += await cancelAllUntouched(context, id);
    const claimed = await claimedQuery(context.db, id, CLAIMED);
    const ended = await Promise.all(claimed.map((job) => endByCancel(context, job)));
    cancelled += ended.filter(Boolean).length;
    if (cancelled === before || context.connection.calls > MAX_CALLS) break;
  }
  return cancelled;
}

async function cancelAllUntouched(context: RequestContext, batchId: string): Promise<number> {
  let cancelled = 0;
  let page: JobRow[];
  let after = -1;
  do {
    page = await untouchedQuery(context.db, batchId, after, PAGE);
    cancelled += await cancelUntouched(context, batchId, page);
    after = page.at(-1)?.batch_index ?? after;
  } while (page.length === PAGE);
  return cancelled;
}
