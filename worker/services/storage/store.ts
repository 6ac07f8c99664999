/** How long signed links hold, in seconds. */
export const LINK_SECONDS = 24 * 60 * 60;

/** Objects that a listing names at most: their entries fit into what is read of a response. */
export const LISTED_KEYS = 200;

/**
 * One bucket or container with its credentials, as far as the edge needs it: single small requests, signed by
 * WebCrypto. Whatever is large is the processor's work.
 *
 * All methods throw `StorageRefusedError` when the provider refuses, and whatever `fetch` throws when nobody answers.
 */
export interface StorageClient {
  /** Writes a small text, replacing what is there. */
  putObject(key: string, text: string): Promise<void>;
  /** Deletes an object; one that is not there counts as deleted. */
  deleteObject(key: string): Promise<void>;
  /** A link that anybody may read for 24 hours, or for as long as the file is shared; null where there can be none. */
  signedLink(key: string): Promise<string | null>;
  /** Aborts an unfinished upload; one that is not there counts as aborted. */
  abortUpload(key: string, ref: string): Promise<void>;
  /** The first keys that begin with this, {@link LISTED_KEYS} at most. */
  listKeys(prefix: string): Promise<string[]>;
}
