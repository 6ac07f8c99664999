import type { BatchStatus } from "../api/batch.ts";
import type { Endpoint } from "../api/endpoint.ts";
import { endpoints } from "../api/endpoints.ts";
import type { Job, JobProgress } from "../api/job.ts";
import { isFinal } from "../states.ts";
import type { CallResponse } from "./calls.ts";
import type { ServerSentEvent } from "./event-stream.ts";
import { followEvents } from "./follow-events.ts";
import type { Platform } from "./platform.ts";
import { parseJson } from "./read-failure.ts";
import type { RequestInput, Send } from "./send.ts";
import { WaterspoutError } from "./waterspout-error.ts";

/** A batch as `GET /batch/{id}` reports it. */
export type Batch = CallResponse<"getBatch">;

/** What the stream of a batch reports: its counters, or the end of one of its jobs. */
export interface BatchEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Polling interval where event streams do not get through, in milliseconds; default 2 s. */
  readonly pollMs?: number | undefined;
}

/** How jobs and batches are watched. */
export interface Watching {
  /** A job's progress, up to and including its end. */
  watchJob(id: string, options?: WatchOptions): AsyncGenerator<JobProgress>;
  /** A batch's events, up to and including its end. */
  watchBatch(id: string, options?: WatchOptions): AsyncGenerator<BatchEvent>;
}

const DEFAULT_POLL_MS = 2_000;
const FINAL_BATCH_STATUSES: readonly unknown[] = ["completed", "finished"] satisfies BatchStatus[];

/** Errors that polling would run into as well. */
const FINAL_REFUSALS: readonly (number | null)[] = [400, 401, 403, 404];

/** What is watched: its event stream, and how to poll it where the stream does not get through. */
interface Watched<T> {
  readonly events: Endpoint;
  readonly state: Endpoint;
  readonly fromEvent: (event: ServerSentEvent) => T;
  readonly fromState: (state: unknown) => T;
  readonly isLast: (item: T) => boolean;
}

const JOB: Watched<JobProgress> = {
  events: endpoints.jobEvents,
  state: endpoints.getJob,
  fromEvent: ({ data }) => parseJson(data) as JobProgress,
  fromState: (state) => {
    const { id, status, step, progress, download_speed_mbps } = state as Job;
    return { job_id: id, status, step, progress, download_speed_mbps };
  },
  isLast: ({ status }) => isFinal(status),
};

const BATCH: Watched<BatchEvent> = {
  events: endpoints.batchEvents,
  state: endpoints.getBatch,
  fromEvent: ({ event, data }) => ({ event, data: (parseJson(data) ?? {}) as BatchEvent["data"] }),
  fromState: (state) => ({ event: "progress", data: state as BatchEvent["data"] }),
  isLast: ({ data }) => FINAL_BATCH_STATUSES.includes(data.status),
};

/**
 * Watches through the event stream, which is resumed if it breaks off. Where streams do not get through at all (for
 * example because a proxy buffers them), it polls.
 */
export function createWatching(send: Send, platform: Platform): Watching {
  return {
    watchJob: (id, options) => watch(JOB, id, send, platform, options),
    watchBatch: (id, options) => watch(BATCH, id, send, platform, options),
  };
}

async function* watch<T>(
  watched: Watched<T>,
  id: string,
  send: Send,
  platform: Platform,
  { signal, pollMs = DEFAULT_POLL_MS }: WatchOptions = {},
): AsyncGenerator<T> {
  const input: RequestInput = { params: { id }, signal };
  const open = (lastEventId: string | null) =>
    send(watched.events, {
      ...input,
      headers: {
        accept: "text/event-stream",
        ...(lastEventId === null ? {} : { "last-event-id": lastEventId }),
      },
    });
  const isLast = (event: ServerSentEvent) => watched.isLast(watched.fromEvent(event));
  try {
    for await (const event of followEvents({ open, isLast, signal }, platform)) {
      yield watched.fromEvent(event);
    }
    return;
  } catch (failure) {
    if (!(failure instanceof WaterspoutError) || FINAL_REFUSALS.includes(failure.status)) throw failure;
  }
  for (let last = ""; ; await platform.wait(pollMs, signal)) {
    const item = watched.fromState(await (await send(watched.state, input)).json());
    const text = JSON.stringify(item);
    if (text !== last) yield item;
    if (watched.isLast(item)) return;
    last = text;
  }
}
