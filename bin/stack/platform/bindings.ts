/**
 * What `wrangler.toml` says of the Worker, in the terms of the embedded platform. It is read once, when the Worker is
 * built, so that a running stack needs no wrangler. Database, consumers of queues and limiters are not among it: see
 * `worker/embedded/`.
 */
export interface PlatformBindings {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly buckets: readonly { readonly binding: string; readonly name: string }[];
  readonly queues: readonly { readonly binding: string; readonly name: string }[];
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
  readonly assets: { readonly binding: string };
  readonly crons: readonly string[];
  /** Variables that hold unless the stack sets others. */
  readonly variables: Readonly<Record<string, string>>;
}
