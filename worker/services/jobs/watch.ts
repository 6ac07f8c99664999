import type { JobProgress } from "../../../schema/api/job.ts";
import { isFinal } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { findJobProgress } from "../../db/job-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { KEEP_ALIVE, type ServerSentEvent } from "../../lib/sse.ts";
import { megabytesPerSecond } from "./view.ts";

/** Interval between two queries, in milliseconds. */
const POLL_MS = 1_000;
/** Queries without a change before a comment is sent. */
const QUIET_LOOKS = 15;
/** Queries before the stream ends, so that the client resumes it with a new request: about ten minutes. */
const MAX_POLLS = 600;

type Progress = NonNullable<Awaited<ReturnType<typeof findJobProgress>>>;

/** The events of a job after the last one that was seen; null if that was the final one. */
export type JobEvents = AsyncGenerator<ServerSentEvent | typeof KEEP_ALIVE> | null;

/**
 * Follows a job. Events report the current state and carry its revision as id, so no event is repeated, and a client
 * that missed some gets the newest.
 *
 * @param lastSeen the revision of the last event that the watcher has; 0 for none
 * @throws ApiError `not_found`
 */
export async function watchJob(
  context: RequestContext,
  accountId: string,
  id: string,
  lastSeen: number,
): Promise<JobEvents> {
  const jobId = id.toLowerCase();
  const poll = () => findJobProgress(context.db, accountId, jobId);
  const first = (await poll()) ?? (context.connection.goToPrimary() ? await poll() : undefined);
  if (!first) throw notFound("job");
  if (isFinal(first.status) && first.revision <= lastSeen) return null;
  return follow(context, first, poll, lastSeen);
}

async function* follow(
  context: RequestContext,
  first: Progress,
  poll: () => Promise<Progress | undefined>,
  lastSeen: number,
): AsyncGenerator<ServerSentEvent | typeof KEEP_ALIVE> {
  let job: Progress | undefined = first;
  let seen = lastSeen;
  let quiet = 0;
  for (let polls = 0; polls < MAX_POLLS && job; polls++) {
    if (job.revision > seen) {
      seen = job.revision;
      quiet = 0;
      yield eventOf(job);
      if (isFinal(job.status)) return;
    } else if (++quiet % QUIET_LOOKS === 0) {
      yield KEEP_ALIVE;
    }
    await context.wait(POLL_MS);
    job = await poll();
  }
}

function eventOf({ id, status, step, progress, download_rate, revision }: Progress): ServerSentEvent {
  const data: JobProgress = {
    job_id: id,
    status,
    step,
    progress,
    download_speed_mbps: megabytesPerSecond(download_rate),
  };
  return { event: isFinal(status) ? "status" : "progress", id: String(revision), data };
}
