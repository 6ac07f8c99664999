import { ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, StoredObject } from "../object-store.ts";
import type { CopyingUpload, ObjectSpan } from "../uploads/parts-copy.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";
import type { BlobClient, BlobConditions, BlobFacts } from "./blob-client.ts";
import { blockId, MARKER_INDEX, newUploadRef, uploadOfBlock } from "./block-id.ts";

/** Metadata of a blob that names the upload that wrote it. */
const OWNER = "upload";
/** Blocks that no longer exist: another commit took them. */
const GONE = "InvalidBlockList";

/** Blocks that are staged at a blob under ids of this upload; see `BlobObjectStore`. */
export class BlobUpload implements CopyingUpload {
  readonly ref: string;
  retries = 0;
  readonly #client: BlobClient;
  readonly #object: NewObject;
  readonly #conditions: BlobConditions;
  readonly #ids: string[] = [];
  readonly #bytes: number[] = [];
  #empty = false;
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(client: BlobClient, object: NewObject, ref: string, conditions: BlobConditions) {
    this.#client = client;
    this.#object = object;
    this.ref = ref;
    this.#conditions = conditions;
  }

  static async open(client: BlobClient, object: NewObject, signal: AbortSignal): Promise<BlobUpload> {
    let retries = 0;
    const repeat = { signal, onRetry: () => void retries++ };
    const existing = await client.find(object.key, repeat);
    const ref = newUploadRef(client.clock.now());
    const upload = new BlobUpload(client, object, ref, conditionsFor(existing));
    await client.stage(object.key, blockId(ref, MARKER_INDEX), [Buffer.from("-")], repeat);
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    // Azure accepts no empty block: an empty blob is made of none
    if (body.every((chunk) => chunk.byteLength === 0)) {
      this.#empty = true;
      return;
    }
    const id = blockId(this.ref, index);
    await this.#client.stage(this.#object.key, id, body, { signal, onRetry: this.#onRetry });
    this.#ids[index] = id;
    this.#bytes[index] = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  }

  async copyPart(
    index: number,
    source: StoredObject,
    span: ObjectSpan | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { start, end } = span ?? { start: 0, end: source.bytes };
    if (start === end) {
      this.#empty = true;
      return;
    }
    const id = blockId(this.ref, index);
    const from = { source, span: { start, end } };
    await this.#client.stageFrom(this.#object.key, id, from, { signal, onRetry: this.#onRetry });
    this.#ids[index] = id;
    this.#bytes[index] = end - start;
  }

  async complete(): Promise<void> {
    const ids = Array.from(this.#ids, (id, index) => {
      if (id === undefined) throw new ServiceFault("internal", `part ${index} was never stored`);
      return id;
    });
    if (ids.length === 0 && !this.#empty) throw new ServiceFault("internal", "an upload needs a part");
    const facts = { conditions: this.#conditions, metadata: { [OWNER]: this.ref } };
    await completeSurely({
      send: async (onRetry) => {
        const repeat = {
          onRetry: () => {
            onRetry();
            this.retries++;
          },
        };
        await this.#client.commit(this.#object, ids, facts, repeat);
      },
      inspect: () => this.#inspect(),
      isGone: (failure) => failure instanceof StorageFault && failure.detail?.startsWith(GONE) === true,
    });
    await this.#verify();
  }

  abort(): Promise<void> {
    return dropBlocks(this.#client, this.#object.key, this.ref);
  }

  async #inspect(): Promise<CompletionState> {
    // if the blob cannot be read, its blocks may say more
    const found = await this.#client.find(this.#object.key).catch(() => "hidden" as const);
    if (this.#isOurs(found)) return "completed";
    const waiting = await this.#client.waiting(this.#object.key);
    if (waiting === "hidden") return found === "hidden" ? "hidden" : "unfinished";
    if (waiting.some((id) => uploadOfBlock(id)?.ref === this.ref)) return "unfinished";
    return found === "hidden" ? "gone" : "failed";
  }

  /** Looks up the state of the blocks, as far as the permissions allow. */
  async #verify(): Promise<void> {
    // its failure does not mean that the blob was not committed
    const found = await this.#client.find(this.#object.key).catch(() => null);
    if (!this.#isOurs(found) || found.bytes === undefined) return;
    const sent = this.#bytes.reduce((sum, bytes) => sum + bytes, 0);
    if (found.bytes === sent) return;
    await this.#client.delete(this.#object.key, found.etag);
    throw new StorageFault("upload_failed", "ChecksumMismatch: the storage made a blob of another length");
  }

  #isOurs(found: BlobFacts | "hidden" | null): found is BlobFacts {
    return found !== null && found !== "hidden" && found.metadata[OWNER] === this.ref;
  }
}

/** The blob must be the same at completion as at the beginning: aborting an upload changes it. */
function conditionsFor(existing: Awaited<ReturnType<BlobClient["find"]>>): BlobConditions {
  if (existing === "hidden") return {};
  return existing === null ? { ifNoneMatch: "*" } : { ifMatch: existing.etag };
}

/**
 * Discards the blocks of an upload, if no blob and no other upload would suffer: Azure discards blocks only by a commit
 * and only all of a blob's. An empty blob is committed and deleted at once.
 */
export async function dropBlocks(client: BlobClient, key: string, ref: string): Promise<void> {
  const waiting = await client.uncommitted(key);
  if (waiting.length === 0 || waiting.some((id) => uploadOfBlock(id)?.ref !== ref)) return;
  if ((await client.find(key)) !== null) return;
  const empty = { key, contentType: "application/octet-stream" };
  const etag = await client.commit(empty, [], {
    conditions: { ifNoneMatch: "*" },
    metadata: { [OWNER]: ref },
  });
  await client.delete(key, etag);
}

/** Makes sure that the run that began an upload cannot complete it. */
export async function fenceUpload(client: BlobClient, key: string, ref: string): Promise<void> {
  const waiting = await client.uncommitted(key);
  if (!waiting.some((id) => uploadOfBlock(id)?.ref === ref)) return;
  const existing = await client.find(key);
  if (existing === null) await dropBlocks(client, key, ref);
  else if (existing !== "hidden") await client.touch(key, existing);
}
