/**
 * What `wrangler.toml` says of the Worker, in the terms of the embedded platform. It is read once, when the Worker is
 * built, so that a running stack needs no wrangler. Database and limiters are not among it: see `worker/embedded/`.
 */
export interface PlatformBindings {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly buckets: readonly { readonly binding: string; readonly name: string }[];
  readonly producers: readonly { readonly binding: string; readonly queue: string }[];
  readonly consumers: readonly QueueConsumer[];
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  readonly assets: { readonly binding: string };
  readonly crons: readonly string[];
  /** Variables that hold unless the stack sets others. */
  readonly variables: Readonly<Record<string, string>>;
}

/** How messages of a queue reach the Worker. */
export interface QueueConsumer {
  readonly queue: string;
  readonly maxBatchSize?: number | undefined;
  /** Seconds. */
  readonly maxBatchTimeout?: number | undefined;
  readonly maxRetries?: number | undefined;
  /** Where a message goes after its last try. */
  readonly deadLetterQueue?: string | undefined;
  /** Seconds. */
  readonly retryDelay?: number | undefined;
  readonly maxConcurrency?: number | null | undefined;
}
