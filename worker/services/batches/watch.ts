import type { BatchJobEnd, BatchProgress } from "../../../schema/api/batch.ts";
import type { RequestContext } from "../../context.ts";
import { readBatchChanges } from "../../db/batch-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { describeError } from "../../lib/log.ts";
import { KEEP_ALIVE, type ServerSentEvent } from "../../lib/sse.ts";
import { shownStatus } from "./list-state.ts";
import { countersOf } from "./view.ts";

/** Shortest interval between two queries, in milliseconds. */
const POLL_MS = 1_000;
/** Longest interval, in milliseconds: shows changes that the batch's object did not report. */
const QUIET_MS = 10_000;
/** Queries before the stream ends, so that the client resumes it with a new request. */
const MAX_POLLS = 300;
/** Maximum number of ended jobs in one query. */
const ENDS_AT_ONCE = 200;

type BatchChanges = NonNullable<Awaited<ReturnType<typeof readBatchChanges>>>;
type Events = AsyncGenerator<ServerSentEvent | typeof KEEP_ALIVE>;

/**
 * Follows a batch: the end of each job in the order of the ends, the counters when they changed, and the batch's own end.
 * The event ids count ended jobs, so that a client that resumes misses none; the last event has the highest id.
 *
 * @param lastSeen the id of the last event that the watcher has; 0 for none
 * @returns null if the watcher has already seen the last event
 * @throws ApiError `not_found`
 */
export async function watchBatch(
  context: RequestContext,
  accountId: string,
  id: string,
  lastSeen: number,
): Promise<Events | null> {
  const poll = (seen: number) => readBatchChanges(context.db, id, seen, ENDS_AT_ONCE);
  const first =
    (await poll(lastSeen)) ?? (context.connection.goToPrimary() ? await poll(lastSeen) : undefined);
  if (first?.batch.account_id !== accountId) throw notFound("batch");
  if (first.batch.finished_at !== null && first.ends.length === 0 && lastSeen > first.lastEnd) return null;
  return follow(context, first, poll, lastSeen);
}

async function* follow(
  context: RequestContext,
  first: BatchChanges,
  poll: (seen: number) => Promise<BatchChanges | undefined>,
  lastSeen: number,
): Events {
  let changes: BatchChanges | undefined = first;
  let seen = Math.min(lastSeen, first.lastEnd);
  let reported = "";
  let version = -1;
  for (let polls = 0; polls < MAX_POLLS && changes; polls++) {
    const { batch, ends } = changes;
    for (const { end_index, ...end } of ends) {
      seen = end_index;
      const data: BatchJobEnd = { batch_id: batch.id, ...end };
      yield { event: "job", id: String(end_index), data };
    }
    if (ends.length < ENDS_AT_ONCE) {
      const data = progressOf(changes);
      if (batch.finished_at !== null) {
        yield { event: "status", id: String(changes.lastEnd + 1), data };
        return;
      }
      const counters = JSON.stringify(data);
      yield counters === reported ? KEEP_ALIVE : { event: "progress", id: String(seen), data };
      reported = counters;
      await context.wait(POLL_MS);
      version = await waitForChange(context, batch.id, version);
    }
    changes = await poll(seen);
  }
}

/** Waits until the batch's object reports a change, or for a while. */
async function waitForChange(context: RequestContext, id: string, known: number): Promise<number> {
  try {
    return await context.batches.waitForChange(id, known, QUIET_MS);
  } catch (error) {
    context.log("change_wait_failed", { batch_id: id, error: describeError(error) });
    await context.wait(POLL_MS);
    return known;
  }
}

const progressOf = ({ batch, counts }: BatchChanges): BatchProgress => ({
  batch_id: batch.id,
  status: shownStatus(batch),
  ...countersOf(batch, counts),
});
