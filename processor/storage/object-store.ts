/** What a provider demands of the parts of one upload. */
export interface PartLimits {
  /** Smallest size in bytes of every part but the last. */
  readonly minBytes: number;
  /** Largest size in bytes of a part. */
  readonly maxBytes: number;
  /** Most parts that one upload may have. */
  readonly maxParts: number;
  /** All parts but the last must have the same size. */
  readonly equalParts: boolean;
}

/** The object that an upload makes. */
export interface NewObject {
  /** Full key, folders separated by `/`; any Unicode, never a `.` or `..` segment. */
  readonly key: string;
  /** @example "video/mp4" */
  readonly contentType: string;
  /** @example `attachment; filename="talk.mp4"` */
  readonly contentDisposition?: string;
}

/** An upload that was begun and neither completed nor aborted. */
export interface UnfinishedUpload {
  /** Names the upload to {@link ObjectStore.abort}. */
  readonly ref: string;
  /** Epoch milliseconds; 0 when the provider does not say. */
  readonly startedAt: number;
}

/**
 * A place where objects are delivered: one bucket or container of one provider, with its credentials.
 *
 * What is delivered, however small, is written as an upload in parts: nothing is visible before {@link Upload.complete},
 * and an upload that was aborted by a successor can never be completed by the run that began it.
 *
 * All methods throw `Fault("upload_refused")` when the provider rejects the credentials, the bucket or the right to
 * write, and `Fault("upload_failed")` for everything else; no message carries a secret.
 */
export interface ObjectStore {
  readonly provider: "s3" | "blob" | "gcs" | "oss" | "gdrive";
  readonly limits: PartLimits;
  /** Begins an upload. Nothing is visible under the key until it is completed. */
  open(object: NewObject, signal: AbortSignal): Promise<Upload>;
  /**
   * Stores a small object by one request, for keys that no other run writes: there is nothing that a successor could
   * abort. Nothing is left of it when it fails, or when the run dies.
   */
  put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** Drops an unfinished upload and its parts. Does nothing when there is no such upload (any more). */
  abort(key: string, uploadRef: string): Promise<void>;
  /** Unfinished uploads of exactly this key; empty when the provider cannot list them, so keep the `ref` of your own. */
  listUploads(key: string): Promise<UnfinishedUpload[]>;
  /** Deletes the object. Does nothing when there is none. */
  delete(key: string): Promise<void>;
  /**
   * A link that reads the object for `seconds`; with `fileName`, browsers save it under that name. Null when the
   * credentials cannot sign one: a token of Azure's would have to be given away whole.
   */
  signGet(key: string, seconds: number, fileName?: string): Promise<string | null>;
  /** Ends background work of the object store; connections belong to the code that gave the agents. */
  close(): void;
}

/** One upload in parts. Parts may be put in any order and at the same time. */
export interface Upload {
  /** The provider's name of this upload, to be kept so that a successor can abort it. */
  readonly ref: string;
  /** Requests that had to be repeated so far. */
  readonly retries: number;
  /**
   * Stores part `index` (from 0), retrying what can be retried. The chunks are sent as they are, never joined, and
   * must not be changed before the promise settles.
   */
  putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** Makes the object visible, made of parts 0 to n-1. At least one part, possibly an empty one, is required. */
  complete(): Promise<void>;
  /** Drops the upload and its parts; settle all {@link putPart} calls first. */
  abort(): Promise<void>;
}
