import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, Upload } from "../object-store.ts";
import type { OssClient } from "./oss-client.ts";

/** Metadata of an object that names the upload that made it, so that a repeated completion can tell its own success. */
const OWNER = "upload";

/** The one header of an object for which the SDK has no option. */
export const dispositionHeader = ({ contentDisposition }: NewObject): Record<string, string> =>
  contentDisposition === undefined ? {} : { "Content-Disposition": contentDisposition };

/** A multipart upload of OSS. */
export class OssUpload implements Upload {
  readonly ref: string;
  retries = 0;
  readonly #client: OssClient;
  readonly #key: string;
  readonly #owner: string;
  readonly #etags: string[] = [];
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(client: OssClient, key: string, owner: string, ref: string) {
    this.#client = client;
    this.#key = key;
    this.#owner = owner;
    this.ref = ref;
  }

  static async open(client: OssClient, object: NewObject, signal: AbortSignal): Promise<OssUpload> {
    const owner = randomUUID();
    const { key, contentType } = object;
    const headers = dispositionHeader(object);
    let retries = 0;
    const begun = await client.run(
      (sdk) => sdk.initMultipartUpload(key, { mime: contentType, headers, meta: { [OWNER]: owner } }),
      { signal, onRetry: () => void retries++ },
    );
    if (!begun?.uploadId) throw new StorageFault("upload_failed", "the storage did not name the upload");
    const upload = new OssUpload(client, key, owner, begun.uploadId);
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const size = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const stored = await this.#client.run(
      (sdk) => {
        const stream = Readable.from(body, { objectMode: false });
        return sdk._uploadPart(this.#key, this.ref, index + 1, { stream, size });
      },
      { signal, onRetry: this.#onRetry },
    );
    if (!stored?.etag) throw new StorageFault("upload_failed", "the storage did not confirm a part");
    this.#etags[index] = stored.etag;
  }

  async complete(): Promise<void> {
    const parts = Array.from(this.#etags, (etag, index) => {
      if (etag === undefined) throw new ServiceFault("internal", `part ${index} was never stored`);
      return { number: index + 1, etag };
    });
    if (parts.length === 0) throw new ServiceFault("internal", "an upload needs a part");
    let repeated = false;
    const completed = await this.#client.run(
      (sdk, attempt) => {
        repeated = attempt > 1;
        return sdk.completeMultipartUpload(this.#key, this.ref, parts);
      },
      { onRetry: this.#onRetry, accept: [404] },
    );
    if (completed !== null) return;
    // an earlier try may have completed the upload although its response was lost
    if (repeated && (await this.#isPublished())) return;
    throw new StorageFault("upload_failed", "NoSuchUpload (404)");
  }

  async abort(): Promise<void> {
    await abortOssUpload(this.#client, this.#key, this.ref);
  }

  async #isPublished(): Promise<boolean> {
    const found = await this.#client.run((sdk) => sdk.head(this.#key), { accept: [404] });
    return found?.meta?.[OWNER] === this.#owner;
  }
}

/** Drops an unfinished upload; does nothing when there is none of this name. */
export async function abortOssUpload(client: OssClient, key: string, ref: string): Promise<void> {
  await client.run((sdk) => sdk.abortMultipartUpload(key, ref), { accept: [404] });
}
