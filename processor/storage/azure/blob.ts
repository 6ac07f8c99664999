import { Fault, StorageFault } from "../../fault.ts";
import type {
  NewObject,
  ObjectCopy,
  ObjectStore,
  PartLimits,
  StoredObject,
  UnfinishedUpload,
  Upload,
} from "../object-store.ts";
import { PartsCopy } from "../uploads/parts-copy.ts";
import { BlobClient, type BlobOptions } from "./blob-client.ts";
import { BlobUpload, fenceUpload } from "./blob-upload.ts";
import { uploadOfBlock } from "./block-id.ts";

/** Azure accepts blocks of any size; one of the 50,000 marks the upload. */
const LIMITS: PartLimits = {
  minBytes: 1 << 20,
  maxBytes: 64 << 20,
  maxParts: 49_999,
  equalParts: false,
  inOrder: false,
};

/**
 * A container of Azure Blob Storage, by an account's key or a shared access signature (SAS).
 *
 * Azure has no uploads: blocks are staged at the blob itself and become its content by a commit, which discards all
 * blocks that it does not name. So an upload is a prefix of block ids, and
 * - it is completed on condition that the blob is what it was when the upload began (its ETag, or that there is none);
 * - the next run aborts it in a way that breaks that condition or discards its blocks: if there is no blob, an empty one is
 *   committed and deleted at once; if there is one, its metadata is written again, which changes its ETag;
 * - blocks staged at an existing blob are never dropped by rewriting it: the next commit discards them, or Azure does
 *   after a week. The same holds when another upload has blocks at the same blob.
 *
 * Blocks that a run stages after it was aborted are accepted, and its completion is refused.
 * A SAS needs the permissions create, write and delete; without read, uploads work but are neither listed, fenced nor
 * cleaned up before that week is over.
 */
export class BlobObjectStore implements ObjectStore {
  readonly provider = "blob";
  readonly limits = LIMITS;
  readonly #client: BlobClient;

  constructor(options: BlobOptions) {
    this.#client = new BlobClient(options);
  }

  connect(): void {
    this.#client.connect();
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return BlobUpload.open(this.#client, object, signal);
  }

  put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return this.#client.put(object, body, { signal });
  }

  async find(key: string, signal: AbortSignal): Promise<StoredObject | null> {
    const found = await this.#client.find(key, { signal });
    if (found === null) return null;
    if (found === "hidden") throw Fault.of("upload_refused", "the token may not read");
    if (found.bytes === undefined) {
      throw new StorageFault("upload_failed", "the storage did not describe the object");
    }
    return { key, bytes: found.bytes, version: found.etag };
  }

  async openCopy(object: NewObject, source: StoredObject, signal: AbortSignal): Promise<ObjectCopy> {
    const upload = await BlobUpload.open(this.#client, object, signal);
    return new PartsCopy(this, upload, source);
  }

  abort(key: string, uploadRef: string): Promise<void> {
    return fenceUpload(this.#client, key, uploadRef);
  }

  async listUploads(key: string): Promise<UnfinishedUpload[]> {
    const uploads = new Map<string, UnfinishedUpload>();
    for (const id of await this.#client.uncommitted(key)) {
      const upload = uploadOfBlock(id);
      if (upload) uploads.set(upload.ref, upload);
    }
    return [...uploads.values()];
  }

  delete(key: string): Promise<void> {
    return this.#client.delete(key);
  }

  signGet(key: string, seconds: number, fileName?: string): Promise<string | null> {
    return this.#client.signedUrl(key, seconds, fileName);
  }

  ownLink(key: string, seconds: number): Promise<string | null> {
    return this.signGet(key, seconds);
  }

  close(): void {}
}
