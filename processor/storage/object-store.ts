/** What a provider requires of the parts of one upload. */
export interface PartLimits {
  /** Smallest size in bytes of every part but the last. */
  readonly minBytes: number;
  /** Largest size in bytes of a part. */
  readonly maxBytes: number;
  /** Most parts that one upload may have. */
  readonly maxParts: number;
  /** All parts but the last must have the same size. */
  readonly equalParts: boolean;
  /** A part is stored only after all parts before it: an upload whose first part comes last would wait forever. */
  readonly inOrder: boolean;
}

/** The object that an upload creates. */
export interface NewObject {
  /** Full key, folders separated by `/`; any Unicode, never a `.` or `..` segment. */
  readonly key: string;
  /** @example "video/mp4" */
  readonly contentType: string;
  /** @example `attachment; filename="talk.mp4"` */
  readonly contentDisposition?: string;
}

/** An object that exists. */
export interface StoredObject {
  readonly key: string;
  readonly bytes: number;
  /** Names its content, in the provider's own form: an ETag, a generation, an id. Another content has another one. */
  readonly version: string;
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
 * Everything that is delivered, however small, is written as an upload in parts: nothing is visible before {@link
 * Upload.complete}, and an upload that the next run aborted can never be completed by the run that began it.
 *
 * All methods throw `Fault("upload_refused")` when the provider rejects the credentials, the bucket or the permission
 * to write, and `Fault("upload_failed")` for everything else; no message contains a secret.
 */
export interface ObjectStore {
  readonly provider: "s3" | "blob" | "gcs" | "oss" | "gdrive";
  readonly limits: PartLimits;
  /** Opens a connection ahead of the first request. Asks for nothing and changes nothing, and reports no failure. */
  connect(): void;
  /** Begins an upload. Nothing is visible under the key until it is completed. */
  open(object: NewObject, signal: AbortSignal): Promise<Upload>;
  /**
   * Stores a small object with one request, for keys that no other run writes: a later run would have nothing to abort.
   * Nothing is left of it when it fails, or when the run dies.
   */
  put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** The object under a key; null if there is none. */
  find(key: string, signal: AbortSignal): Promise<StoredObject | null>;
  /**
   * Begins to copy an object of this store to another key; the storage does the work, and no byte travels. As with an
   * upload, nothing is visible under the key before {@link ObjectCopy.complete}, and {@link abort} ends it.
   *
   * @param source as {@link find} returned it
   */
  openCopy(object: NewObject, source: StoredObject, signal: AbortSignal): Promise<ObjectCopy>;
  /** Drops an unfinished upload or copy and its parts. Does nothing if there is no such upload (any more). */
  abort(key: string, uploadRef: string): Promise<void>;
  /**
   * Unfinished uploads of exactly this key; empty when the provider cannot list them, so keep the `ref` of every
   * upload.
   */
  listUploads(key: string): Promise<UnfinishedUpload[]>;
  /** Deletes the object. Does nothing if there is none. */
  delete(key: string): Promise<void>;
  /**
   * A link that reads the object for `seconds`; with `fileName`, browsers save it under that name. Null when the
   * credentials cannot sign one: a token of Azure's would have to be given away whole.
   */
  signGet(key: string, seconds: number, fileName?: string): Promise<string | null>;
  /**
   * Where the run itself reads an object back: a link like that of {@link signGet}, or an address that works with
   * {@link ownHeaders}. Null when the credentials may not read.
   */
  ownLink(key: string, seconds: number): Promise<string | null>;
  /** Headers for {@link ownLink}, for no other host. They contain a secret; absent if the link suffices. */
  ownHeaders?(): Promise<Readonly<Record<string, string>>>;
  /** Ends background work of the object store; connections belong to the code that passed in the agents. */
  close(): void;
}

/** One upload in parts. Parts may be put at the same time, and in any order unless {@link PartLimits.inOrder} says otherwise. */
export interface Upload {
  /** The provider's name of this upload, to be kept so that the next run can abort it. */
  readonly ref: string;
  /** Number of repeated requests so far. */
  readonly retries: number;
  /**
   * Stores part `index` (from 0), retrying what can be retried. The chunks are sent as they are, never joined, and
   * must not be changed before the promise settles.
   */
  putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void>;
  /** Makes the object visible, consisting of parts 0 to n-1. At least one part, possibly an empty one, is required. */
  complete(): Promise<void>;
  /** Drops the upload and its parts; settle all {@link putPart} calls first. */
  abort(): Promise<void>;
}

/** A copy of a stored object, on the storage's side. */
export interface ObjectCopy extends Pick<Upload, "ref" | "retries" | "complete" | "abort"> {
  /**
   * Does all that can be done before the object becomes visible. To be called once, before {@link Upload.complete}.
   *
   * @throws Fault `upload_failed` if the source is gone or has another content, or if the storage cannot copy
   */
  transfer(signal: AbortSignal): Promise<void>;
}
