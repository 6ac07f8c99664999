import type { StorageTarget } from "../../schema/wire/run.ts";
import type { RetryOptions } from "./retrier.ts";
import type { TransportOptions } from "./transport.ts";
import type { ContentDigest } from "./uploads/content-digest.ts";

/** Options of every object store, whatever its provider. */
export interface StoreOptions extends TransportOptions, RetryOptions {
  /** The caller's options for the objects. */
  readonly options?: StorageTarget["options"];
  /** Checksums of what is stored; default: computed where they are needed. */
  readonly digest?: ContentDigest | undefined;
}
