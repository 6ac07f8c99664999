import type { Endpoint } from "./api/endpoint.ts";
import { endpoints } from "./api/endpoints.ts";
import type { Job, JobProgress } from "./api/job.ts";
import type { CallInput, Calls, ItemOf, ListName } from "./client/calls.ts";
import { PLATFORM, type Platform } from "./client/platform.ts";
import { DEFAULT_RETRY_OPTIONS, type RetryOptions } from "./client/retry-policy.ts";
import { type Account, createSend, type RequestInput, type Send } from "./client/send.ts";
import {
  type Batch,
  type BatchEvent,
  createWatching,
  type Watching,
  type WatchOptions,
} from "./client/watch.ts";
import { WaterspoutError } from "./client/waterspout-error.ts";

export type { CallInput, CallName, CallResponse } from "./client/calls.ts";
export type { Batch, BatchEvent, WatchOptions } from "./client/watch.ts";
export { type FailureCode, WaterspoutError } from "./client/waterspout-error.ts";

/** The server, the credentials, and how long to retry. */
export interface ClientOptions extends Account {
  readonly retry?: Partial<RetryOptions>;
  /** Longest time that one try waits for a response to begin, in milliseconds; default 100 s. */
  readonly timeoutMs?: number;
  /** Replaces `fetch`, clock and random numbers of the platform. */
  readonly platform?: Partial<Platform>;
}

export interface WaitOptions<T> extends WatchOptions {
  readonly onProgress?: (progress: T) => void;
}

/**
 * The API for programs: one method for each route, with its name in `schema/api/endpoints.ts`, and helpers that make
 * several calls.
 */
export interface Client extends Calls, Watching {
  /** Waits until a job is final, whatever its status. @returns the job, with a fresh link to its file */
  waitForJob(id: string, options?: WaitOptions<JobProgress>): Promise<Job>;
  /** Waits until every job of a batch is final. */
  waitForBatch(id: string, options?: WaitOptions<BatchEvent>): Promise<Batch>;
  /** All entries of a `list…` route; pages are fetched as they are needed. */
  each<N extends ListName>(name: N, input?: CallInput<N>): AsyncGenerator<ItemOf<N>>;
}

/** Listing a playlist may take a minute. */
const DEFAULT_TIMEOUT_MS = 100_000;

/**
 * A client of the API; it needs `fetch`, and runs in Node 20 or newer, in Workers and in browsers.
 *
 * It retries safe requests automatically (reads, and requests with an idempotency key, which it generates), waits as
 * long as a 429 or 503 says, and reads its own writes. Responses have the types of the schemas but are not checked
 * against them, so that a newer service may report more.
 *
 * @example
 * const api = createClient({ url: "http://127.0.0.1:8787", apiKey: "sk_live_…" });
 * const created = await api.createJob({ body: { url: "https://example.com/talk.mp4", format: "mkv" } });
 * const job = await api.waitForJob(created.job_id, { onProgress: ({ progress }) => console.log(progress) });
 * for await (const { id } of api.each("listJobs", { query: { status: "failed" } })) console.log(id);
 */
export function createClient(options: ClientOptions): Client {
  const platform = { ...PLATFORM, ...options.platform };
  const retry = { ...DEFAULT_RETRY_OPTIONS, ...options.retry };
  const send = createSend(options, retry, options.timeoutMs ?? DEFAULT_TIMEOUT_MS, platform);
  const calls = callsOver(send);
  const watching = createWatching(send, platform);
  return {
    ...calls,
    ...watching,
    async waitForJob(id, { onProgress, ...watch } = {}) {
      for await (const progress of watching.watchJob(id, watch)) onProgress?.(progress);
      return calls.getJob({ params: { id }, signal: watch.signal });
    },
    async waitForBatch(id, { onProgress, ...watch } = {}) {
      for await (const event of watching.watchBatch(id, watch)) onProgress?.(event);
      return calls.getBatch({ params: { id }, signal: watch.signal });
    },
    each: (name, input) => pages(endpoints[name], send, input ?? {}),
  };
}

function callsOver(send: Send): Calls {
  const names = Object.entries<Endpoint>(endpoints).map(([name, endpoint]) => [
    name,
    async (input: RequestInput = {}) => readJson(await send(endpoint, input)),
  ]);
  return Object.fromEntries(names) as Calls;
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw new WaterspoutError("The response is not JSON; is this the address of the API?", {
      ...{ code: "unexpected_answer", status: response.status, cause },
    });
  }
}

async function* pages<T>(endpoint: Endpoint, send: Send, input: RequestInput): AsyncGenerator<T> {
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { ...input.query, ...(cursor === undefined ? {} : { cursor }) };
    const page = (await readJson(await send(endpoint, { ...input, query }))) as Record<string, unknown>;
    for (const items of Object.values(page)) if (Array.isArray(items)) yield* items as T[];
    cursor = (page.next_cursor as string | undefined) ?? null;
  }
}
