/** Lifetime of signed links, in seconds. */
export const LINK_SECONDS = 24 * 60 * 60;

/** Maximum number of objects in a listing, so that it fits into the part of a response that is read. */
export const LISTED_KEYS = 200;

/**
 * One bucket or container with its credentials, reduced to what the Worker needs: single small requests, signed with
 * WebCrypto. Large transfers are the processor's work.
 *
 * All methods throw `StorageRefusedError` when the provider refuses, and whatever `fetch` throws when there is no
 * response.
 */
export interface StorageClient {
  /** Writes a small text; replaces an existing object. */
  putObject(key: string, text: string): Promise<void>;
  /** Deletes an object. A missing object counts as deleted. */
  deleteObject(key: string): Promise<void>;
  /** A link that anybody can read for 24 hours, or for as long as the file is shared; null if there can be none. */
  signedLink(key: string): Promise<string | null>;
  /** Aborts an unfinished upload. An unknown upload counts as aborted. */
  abortUpload(key: string, ref: string): Promise<void>;
  /** The first keys with this prefix, at most {@link LISTED_KEYS}. */
  listKeys(prefix: string): Promise<string[]>;
}
