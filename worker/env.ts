import type { Hint, NoticeHint } from "../schema/wire/hint.ts";
import type { Batch } from "./objects/batch.ts";
import type { ProcessorInstance } from "./objects/processor-instance.ts";

/** What the platform binds to the Worker: see `wrangler.toml`, and `config.ts` for the variables. */
export interface Env {
  readonly DB: D1Database;
  readonly HINTS: Queue<Hint>;
  readonly NOTICES: Queue<NoticeHint>;
  readonly BUCKET: R2Bucket;
  readonly PROCESSOR: DurableObjectNamespace<ProcessorInstance>;
  readonly BATCHES: DurableObjectNamespace<Batch>;
  readonly ASSETS: Fetcher;
  readonly READ_RATE: RateLimit;
  readonly WRITE_RATE: RateLimit;
  /** Variables and secrets are strings; `config.ts` is their only reader. */
  readonly [variable: string]: unknown;
}
