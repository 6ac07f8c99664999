import type { DeliveryMessage, DispatchMessage } from "../schema/wire/queue-messages.ts";
import type { FeedRun, FeedTimes } from "./context.ts";
import type { RunnerHealth } from "./services/runs/runner.ts";
import type { SourceEntry } from "./services/subscriptions/source-entry.ts";

/** The Worker's bindings: see `wrangler.toml`, and `config.ts` for the variables. */
export interface Env {
  readonly DB: D1Database;
  readonly DISPATCH_QUEUE: Queue<DispatchMessage>;
  readonly DELIVERY_QUEUE: Queue<DeliveryMessage>;
  readonly BUCKET: R2Bucket;
  readonly PROCESSOR: DurableObjectNamespace<ProcessorRpc>;
  readonly BATCHES: DurableObjectNamespace<BatchRpc>;
  readonly FEEDS: DurableObjectNamespace<FeedRpc>;
  readonly ASSETS: Fetcher;
  readonly READ_RATE: RateLimit;
  readonly WRITE_RATE: RateLimit;
  /** Variables and secrets are strings; `config.ts` is their only reader. */
  readonly [variable: string]: unknown;
}

/** Methods of a batch's object. */
export interface BatchRpc extends Rpc.DurableObjectBranded {
  wake(batchId: string): Promise<void>;
  ended(batchId: string, jobId: string): Promise<void>;
  waitForChange(batchId: string, known: number, ms: number): Promise<number>;
}

/** Methods of a source's object. */
export interface FeedRpc extends Rpc.DurableObjectBranded {
  check(feedId: string): Promise<void>;
  wake(feedId: string): Promise<void>;
  run(feedId: string): Promise<FeedRun>;
  pushed(feedId: string, entries: readonly SourceEntry[]): Promise<void>;
  leased(feedId: string, until: number): Promise<void>;
  peek(feedId: string): Promise<FeedTimes | null>;
}

/** Methods of a container instance's object. */
export interface ProcessorRpc extends Rpc.DurableObjectBranded {
  fetch(request: Request): Promise<Response>;
  health(): Promise<RunnerHealth>;
  keepAwake(): Promise<void>;
}
