import { randomUUID } from "node:crypto";
import { optionHeaders } from "../../../schema/storage/object-options.ts";
import { isMissingBucket } from "../../../schema/storage/refusals.ts";
import { xmlText } from "../../../schema/storage/xml-answer.ts";
import { escapeXml } from "../../../schema/xml.ts";
import { Fault, ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, StoredObject } from "../object-store.ts";
import type { CopyingUpload, ObjectSpan } from "../uploads/parts-copy.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";
import { isCompositeEtag, requireStored } from "../uploads/stored-checksum.ts";
import { copySource } from "./copy-source.ts";
import { abortMultipartUpload, listPartSizes } from "./multipart-uploads.ts";
import type { S3ApiResponse } from "./s3-api-client.ts";
import { storedHeaders } from "./stored-headers.ts";
import type { XmlService } from "./xml-service.ts";

/**
 * Metadata of an object that names the upload that wrote it, so that a repeated completion can recognise its own
 * success.
 */
const OWNER_HEADERS = {
  s3: "x-amz-meta-upload",
  gcs: "x-goog-meta-upload",
  oss: "x-oss-meta-upload",
} as const;
/** The credentials may write but not read, or the server does not have this request. */
const MAY_NOT_READ = [400, 401, 403, 405, 501];
const GONE = "NoSuchUpload";

interface StoredPart {
  readonly etag: string;
  readonly bytes: number;
  /** Null for a copied part: what the storage reports of it says what was copied, not that it is the source. */
  readonly md5: Buffer | null;
}

/** A multipart upload of the XML interface that S3 made common. */
export class MultipartUpload implements CopyingUpload {
  readonly ref: string;
  retries = 0;
  readonly #service: XmlService;
  readonly #key: string;
  readonly #owner: string;
  readonly #parts: StoredPart[] = [];
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(service: XmlService, key: string, owner: string, ref: string) {
    this.#service = service;
    this.#key = key;
    this.#owner = owner;
    this.ref = ref;
  }

  static async open(service: XmlService, object: NewObject, signal: AbortSignal): Promise<MultipartUpload> {
    const owner = randomUUID();
    const headers = {
      ...storedHeaders(object),
      ...optionHeaders(service, "begin"),
      [OWNER_HEADERS[service.provider]]: owner,
    };
    let retries = 0;
    const { text } = await service.client.send({
      method: "POST",
      key: object.key,
      query: { uploads: "" },
      headers,
      signal,
      onRetry: () => retries++,
    });
    const ref = xmlText(text, "UploadId");
    if (!ref) throw new StorageFault("upload_failed", "the storage did not name the upload");
    const upload = new MultipartUpload(service, object.key, owner, ref);
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { client, digest } = this.#service;
    const md5 = await digest(body);
    const { headers } = await client.send({
      method: "PUT",
      key: this.#key,
      query: { partNumber: String(index + 1), uploadId: this.ref },
      headers: { "content-md5": md5.toString("base64") },
      body,
      signal,
      onRetry: this.#onRetry,
      check: (response) => requireStored(response.headers, md5),
    });
    if (!headers.etag) throw new StorageFault("upload_failed", "the storage did not confirm a part");
    const bytes = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    this.#parts[index] = { etag: headers.etag, bytes, md5 };
  }

  async copyPart(
    index: number,
    source: StoredObject,
    span: ObjectSpan | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { text } = await this.#service.client.send({
      method: "PUT",
      key: this.#key,
      query: { partNumber: String(index + 1), uploadId: this.ref },
      headers: copySource(this.#service, source, span),
      signal,
      onRetry: this.#onRetry,
    });
    const etag = xmlText(text, "ETag");
    if (!etag) throw new StorageFault("upload_failed", "the storage did not confirm a copied part");
    const bytes = span === null ? source.bytes : span.end - span.start;
    this.#parts[index] = { etag, bytes, md5: null };
  }

  async complete(): Promise<void> {
    if (this.#parts.some(({ md5 }) => md5 === null)) await this.#requireCopies();
    const body = [Buffer.from(this.#manifest())];
    await completeSurely({
      send: (onRetry) => this.#complete(body, onRetry),
      inspect: () => this.#inspect(),
      isGone,
    });
  }

  async abort(): Promise<void> {
    await abortMultipartUpload(this.#service.client, this.#key, this.ref);
  }

  async #complete(body: readonly Buffer[], onRetry: () => void): Promise<void> {
    const { status, text } = await this.#service.client.send({
      method: "POST",
      key: this.#key,
      query: { uploadId: this.ref },
      headers: { "content-type": "application/xml", ...optionHeaders(this.#service, "complete") },
      body,
      onRetry: () => {
        onRetry();
        this.retries++;
      },
      accept: [404],
    });
    if (status === 404) {
      const code = xmlText(text, "Code") ?? "not found";
      throw Fault.of(isMissingBucket(code) ? "upload_refused" : "upload_failed", `${code} (404)`);
    }
    if (this.#isComposite(xmlText(text, "ETag"))) return;
    await this.#verify();
  }

  /**
   * Some services copy the list of an object's parts instead of the object (OpenStack Swift does), and report success. So
   * the parts' sizes are compared before anything is visible, where the credentials may list them.
   */
  async #requireCopies(): Promise<void> {
    const sizes = await listPartSizes(this.#service.client, this.#key, this.ref).catch(() => null);
    if (sizes === null || this.#parts.every(({ bytes }, index) => sizes.get(index + 1) === bytes)) return;
    throw new StorageFault("upload_failed", "the storage copied something else than the object");
  }

  /** Other ETags prove nothing: the object itself is read, as far as the permissions allow. */
  async #verify(): Promise<void> {
    // its failure does not mean that the object was not completed
    const found = await this.#head().catch(() => null);
    if (found === null || !this.#isOurs(found)) return;
    const { etag } = found.headers;
    if (this.#isComposite(etag) || this.#hasLength(found)) return;
    await this.#service.client.send({ method: "DELETE", key: this.#key, accept: [404] });
    throw new StorageFault("upload_failed", "ChecksumMismatch: the storage made an object of another length");
  }

  async #inspect(): Promise<CompletionState> {
    // if the object cannot be read, the parts may say more
    const found = await this.#head().catch(() => null);
    if (found !== null && this.#isOurs(found)) return "completed";
    const isReadable = found?.status === 200 || found?.status === 404;
    const query = { uploadId: this.ref, "max-parts": "1" };
    const accept = [404, ...MAY_NOT_READ];
    const { status, text } = await this.#service.client.send({
      method: "GET",
      key: this.#key,
      query,
      accept,
    });
    if (status === 200) return "unfinished";
    if (status !== 404) return isReadable ? "unfinished" : "hidden";
    return !isReadable && xmlText(text, "Code") === GONE ? "gone" : "failed";
  }

  #head(): Promise<S3ApiResponse> {
    const accept = [404, ...MAY_NOT_READ];
    return this.#service.client.send({ method: "HEAD", key: this.#key, accept });
  }

  #isOurs({ status, headers }: S3ApiResponse): boolean {
    return status === 200 && headers[OWNER_HEADERS[this.#service.provider]] === this.#owner;
  }

  #hasLength({ headers }: S3ApiResponse): boolean {
    const length = headers["content-length"];
    return length === undefined || Number(length) === this.#parts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether an ETag proves that the object consists of the bytes that were sent. */
  #isComposite(etag: string | undefined): boolean {
    const sent = this.#parts.flatMap(({ md5 }) => (md5 === null ? [] : [md5]));
    return sent.length === this.#parts.length && isCompositeEtag(etag, sent);
  }

  #manifest(): string {
    const parts = Array.from(this.#parts, (part, index) => {
      if (part === undefined) throw new ServiceFault("internal", `part ${index} was never stored`);
      return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(part.etag)}</ETag></Part>`;
    });
    if (parts.length === 0) throw new ServiceFault("internal", "an upload needs a part");
    return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join("")}</CompleteMultipartUpload>`;
  }
}

const isGone = (failure: unknown): boolean =>
  failure instanceof StorageFault && failure.detail?.startsWith(GONE) === true;
