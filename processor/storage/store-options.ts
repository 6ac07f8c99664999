import type { StorageTarget } from "../../schema/wire/run.ts";
import type { RetryOptions } from "./retrier.ts";
import type { TransportOptions } from "./transport.ts";
import type { ContentDigest } from "./uploads/content-digest.ts";

/** What every object store may be given, whatever its provider. */
export interface StoreOptions extends TransportOptions, RetryOptions {
  /** What the caller asks of the objects. */
  readonly options?: StorageTarget["options"];
  /** Checksums of what is stored; default: computed where they are needed. */
  readonly digest?: ContentDigest | undefined;
}
