import { randomUUID } from "node:crypto";
import { isMissingBucket } from "../../../schema/storage/refusals.ts";
import { xmlText } from "../../../schema/storage/xml-answer.ts";
import { escapeXml } from "../../../schema/xml.ts";
import { Fault, ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, Upload } from "../object-store.ts";
import { storedHeaders } from "./multipart-uploads.ts";
import type { S3ApiClient } from "./s3-api-client.ts";

/** Where an upload is made. */
export interface MultipartUploadTarget {
  readonly client: S3ApiClient;
  /** Marks an object with the upload that made it, so that a repeated completion can tell its own success. */
  readonly ownerHeader: string;
}

/** A multipart upload of the XML interface that S3 made common. */
export class MultipartUpload implements Upload {
  readonly ref: string;
  retries = 0;
  readonly #client: S3ApiClient;
  readonly #ownerHeader: string;
  readonly #key: string;
  readonly #owner: string;
  readonly #etags: string[] = [];
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(
    { client, ownerHeader }: MultipartUploadTarget,
    key: string,
    owner: string,
    ref: string,
  ) {
    this.#client = client;
    this.#ownerHeader = ownerHeader;
    this.#key = key;
    this.#owner = owner;
    this.ref = ref;
  }

  static async open(
    site: MultipartUploadTarget,
    object: NewObject,
    signal: AbortSignal,
  ): Promise<MultipartUpload> {
    const owner = randomUUID();
    const headers = { ...storedHeaders(object), [site.ownerHeader]: owner };
    let retries = 0;
    const { text } = await site.client.send({
      method: "POST",
      key: object.key,
      query: { uploads: "" },
      headers,
      signal,
      onRetry: () => retries++,
    });
    const ref = xmlText(text, "UploadId");
    if (!ref) throw new StorageFault("upload_failed", "the storage did not name the upload");
    const upload = new MultipartUpload(site, object.key, owner, ref);
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { headers } = await this.#client.send({
      method: "PUT",
      key: this.#key,
      query: { partNumber: String(index + 1), uploadId: this.ref },
      body,
      signal,
      onRetry: this.#onRetry,
    });
    if (!headers.etag) throw new StorageFault("upload_failed", "the storage did not confirm a part");
    this.#etags[index] = headers.etag;
  }

  async complete(): Promise<void> {
    const response = await this.#client.send({
      method: "POST",
      key: this.#key,
      query: { uploadId: this.ref },
      headers: { "content-type": "application/xml" },
      body: [Buffer.from(this.#manifest())],
      onRetry: this.#onRetry,
      accept: [404],
    });
    if (response.status !== 404) return;
    // an earlier try may have completed the upload although its response was lost
    if (response.repeated && (await this.#isPublished())) return;
    const code = xmlText(response.text, "Code") ?? "not found";
    throw Fault.of(isMissingBucket(code) ? "upload_refused" : "upload_failed", `${code} (404)`);
  }

  async abort(): Promise<void> {
    await this.#client.send({
      method: "DELETE",
      key: this.#key,
      query: { uploadId: this.ref },
      accept: [404],
    });
  }

  async #isPublished(): Promise<boolean> {
    const { status, headers } = await this.#client.send({ method: "HEAD", key: this.#key, accept: [404] });
    return status === 200 && headers[this.#ownerHeader] === this.#owner;
  }

  #manifest(): string {
    const parts = Array.from(this.#etags, (etag, index) => {
      if (etag === undefined) throw new ServiceFault("internal", `part ${index} was never stored`);
      return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`;
    });
    if (parts.length === 0) throw new ServiceFault("internal", "an upload needs a part");
    return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join("")}</CompleteMultipartUpload>`;
  }
}
