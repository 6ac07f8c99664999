import type { BatchJobEnd, BatchProgress } from "../../../schema/api/batch.ts";
import type { Scope } from "../../context.ts";
import { readBatchNews } from "../../db/batch-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { describeError } from "../../lib/log.ts";
import { KEEP_ALIVE, type ServerSentEvent } from "../../lib/sse.ts";
import { countersOf } from "./view.ts";

/** Least time between two looks at the database, in milliseconds. */
const LOOK_MS = 1_000;
/** Longest time between two looks: what the batch's object does not tell is seen then, in milliseconds. */
const QUIET_MS = 10_000;
/** Looks before the stream ends, so that the client resumes it on a fresh request. */
const MAX_LOOKS = 300;
/** Ends that are told of by one look. */
const ENDS_AT_ONCE = 200;

type News = NonNullable<Awaited<ReturnType<typeof readBatchNews>>>;
type Events = AsyncGenerator<ServerSentEvent | typeof KEEP_ALIVE>;

/**
 * Follows a batch: the end of each job in the order of the ends, the counters when they changed, and the batch's own end.
 * The ids count the ends of jobs, so that whoever resumes misses none; the last event has the one after all of them.
 *
 * @param lastSeen the id of the last event that the watcher has; 0 for none
 * @returns null when the watcher has seen the last one
 * @throws ApiError `not_found`
 */
export async function watchBatch(
  scope: Scope,
  accountId: string,
  id: string,
  lastSeen: number,
): Promise<Events | null> {
  const look = (seen: number) => readBatchNews(scope.db, id, seen, ENDS_AT_ONCE);
  const first = (await look(lastSeen)) ?? (scope.connection.goToPrimary() ? await look(lastSeen) : undefined);
  if (first?.batch.account_id !== accountId) throw notFound();
  if (first.batch.finished_at !== null && first.ends.length === 0 && lastSeen > first.lastEnd) return null;
  return follow(scope, first, look, lastSeen);
}

async function* follow(
  scope: Scope,
  first: News,
  look: (seen: number) => Promise<News | undefined>,
  lastSeen: number,
): Events {
  let news: News | undefined = first;
  let seen = Math.min(lastSeen, first.lastEnd);
  let told = "";
  let version = -1;
  for (let looks = 0; looks < MAX_LOOKS && news; looks++) {
    const { batch, ends } = news;
    for (const { end_index, ...end } of ends) {
      seen = end_index;
      const data: BatchJobEnd = { batch_id: batch.id, ...end };
      yield { event: "job", id: String(end_index), data };
    }
    if (ends.length < ENDS_AT_ONCE) {
      const data = progressOf(news);
      if (batch.finished_at !== null) {
        yield { event: "status", id: String(news.lastEnd + 1), data };
        return;
      }
      const counters = JSON.stringify(data);
      yield counters === told ? KEEP_ALIVE : { event: "progress", id: String(seen), data };
      told = counters;
      await scope.wait(LOOK_MS);
      version = await newsOf(scope, batch.id, version);
    }
    news = await look(seen);
  }
}

/** Waits for the batch's object to tell of something, or for a while. */
async function newsOf(scope: Scope, id: string, known: number): Promise<number> {
  try {
    return await scope.batches.news(id, known, QUIET_MS);
  } catch (error) {
    scope.log("news_lost", { batch_id: id, error: describeError(error) });
    await scope.wait(LOOK_MS);
    return known;
  }
}

const progressOf = ({ batch, counts }: News): BatchProgress => ({
  batch_id: batch.id,
  status: batch.status,
  ...countersOf(batch, counts),
});
