import { randomUUID } from "node:crypto";
import { optionHeaders } from "../../../schema/storage/object-options.ts";
import { isMissingBucket } from "../../../schema/storage/refusals.ts";
import { xmlText } from "../../../schema/storage/xml-answer.ts";
import { escapeXml } from "../../../schema/xml.ts";
import { Fault, ServiceFault, StorageFault } from "../../fault.ts";
import type { NewObject, StoredObject } from "../object-store.ts";
import type { CopyingUpload, ObjectSpan } from "../uploads/parts-copy.ts";
import { type CompletionState, completeSurely } from "../uploads/resolve-completion.ts";
import { compareStored, requireStored, type SentChecksums } from "../uploads/stored-checksum.ts";
import { copySource } from "./copy-source.ts";
import { abortMultipartUpload, listPartSizes } from "./multipart-uploads.ts";
import type { S3ApiResponse } from "./s3-api-client.ts";
import { storedHeaders } from "./stored-headers.ts";
import {
  ASKS_FOR_CRC32,
  checksumElement,
  checksumHeaders,
  provesWhole,
  UNKNOWN_HEADER,
  UploadChecksums,
} from "./upload-checksums.ts";
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
  readonly sent: SentChecksums | null;
}

/** An upload that the storage has named. */
interface BegunUpload {
  readonly ref: string;
  readonly checksums: UploadChecksums;
}

/** A multipart upload of the XML interface that S3 made common. */
export class MultipartUpload implements CopyingUpload {
  readonly ref: string;
  retries = 0;
  readonly #service: XmlService;
  readonly #key: string;
  readonly #owner: string;
  readonly #parts: StoredPart[] = [];
  readonly #checksums: UploadChecksums;
  readonly #onRetry = () => {
    this.retries++;
  };

  private constructor(service: XmlService, key: string, owner: string, begun: BegunUpload) {
    this.#service = service;
    this.#key = key;
    this.#owner = owner;
    this.ref = begun.ref;
    this.#checksums = begun.checksums;
  }

  /** @param mayUseCrc32 true for an upload without copied parts, whose CRC-32s only the storage knows */
  static async open(
    service: XmlService,
    object: NewObject,
    signal: AbortSignal,
    { mayUseCrc32 = false } = {},
  ): Promise<MultipartUpload> {
    const owner = randomUUID();
    const headers = {
      ...storedHeaders(object),
      ...optionHeaders(service, "begin"),
      [OWNER_HEADERS[service.provider]]: owner,
    };
    let retries = 0;
    const begin = (more: Readonly<Record<string, string>>, accept: readonly number[]) =>
      service.client.send({
        ...{ method: "POST", key: object.key, query: { uploads: "" }, headers: { ...headers, ...more } },
        ...{ signal, accept, onRetry: () => retries++ },
      });
    const { crc32 } = service;
    const asks = mayUseCrc32 && crc32 !== null && !crc32.refusals.has(crc32.storage);
    let answer = await begin(asks ? ASKS_FOR_CRC32 : {}, asks ? UNKNOWN_HEADER : []);
    if (answer.status >= 400) {
      answer = await begin({}, []);
      // it was refused for its checksum, since it is accepted without one
      crc32?.refusals.add(crc32.storage);
    }
    const ref = xmlText(answer.text, "UploadId");
    if (!ref) throw new StorageFault("upload_failed", "the storage did not name the upload");
    const checksums = new UploadChecksums(service, answer.headers);
    const upload = new MultipartUpload(service, object.key, owner, { ref, checksums });
    upload.retries = retries;
    return upload;
  }

  async putPart(index: number, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    let { headers, sent } = await this.#send(index, body, signal);
    if (sent.md5 === undefined && compareStored(headers, sent) === "unknown") {
      this.#checksums.addMd5();
      ({ headers, sent } = await this.#send(index, body, signal));
    }
    if (!headers.etag) throw new StorageFault("upload_failed", "the storage did not confirm a part");
    const bytes = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    this.#parts[index] = { etag: headers.etag, bytes, sent };
  }

  async #send(index: number, body: readonly Uint8Array[], signal: AbortSignal) {
    const sent = await this.#checksums.of(body);
    const { headers } = await this.#checksums.guard(() =>
      this.#service.client.send({
        method: "PUT",
        key: this.#key,
        query: { partNumber: String(index + 1), uploadId: this.ref },
        headers: checksumHeaders(sent),
        body,
        signal,
        onRetry: this.#onRetry,
        check: (response) => requireStored(response.headers, sent),
      }),
    );
    return { headers, sent };
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
    this.#parts[index] = { etag, bytes, sent: null };
  }

  async complete(): Promise<void> {
    if (this.#parts.some(({ sent }) => sent === null)) await this.#requireCopies();
    const body = [Buffer.from(this.#manifest())];
    await this.#checksums.guard(() =>
      completeSurely({
        send: (onRetry) => this.#complete(body, onRetry),
        inspect: () => this.#inspect(),
        isGone,
      }),
    );
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
    const reported = { etag: xmlText(text, "ETag"), crc32: xmlText(text, "ChecksumCRC32") };
    if (this.#isProven(reported)) return;
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
    if (this.#isProven({ etag: found.headers.etag }) || this.#hasLength(found)) return;
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

  /** Whether what is reported proves that the object consists of the bytes that were sent. */
  #isProven(reported: Parameters<typeof provesWhole>[0]): boolean {
    const sent = this.#parts.flatMap((part) => part.sent ?? []);
    return sent.length === this.#parts.length && provesWhole(reported, sent);
  }

  #manifest(): string {
    const parts = Array.from(this.#parts, (part, index) => {
      if (part === undefined) throw new ServiceFault("internal", `part ${index} was never stored`);
      const checksum = part.sent === null ? "" : checksumElement(part.sent);
      return `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escapeXml(part.etag)}</ETag>${checksum}</Part>`;
    });
    if (parts.length === 0) throw new ServiceFault("internal", "an upload needs a part");
    return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join("")}</CompleteMultipartUpload>`;
  }
}

const isGone = (failure: unknown): boolean =>
  failure instanceof StorageFault && failure.detail?.startsWith(GONE) === true;
