import { type ObjectOption, optionHeaders } from "../../../schema/storage/object-options.ts";
import { StorageFault } from "../../fault.ts";
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
import { requireStored } from "../uploads/stored-checksum.ts";
import { MultipartUpload } from "./multipart-upload.ts";
import { abortMultipartUpload, listMultipartUploads } from "./multipart-uploads.ts";
import { storedHeaders } from "./stored-headers.ts";
import type { XmlService } from "./xml-service.ts";

/** What is stored for a while and read again. */
const NOT_FOR_PIECES: readonly ObjectOption[] = ["storage_class"];

/** A bucket behind the XML interface that S3 made common: S3 itself, Google, OSS. */
export class XmlObjectStore implements ObjectStore {
  readonly provider: XmlService["provider"];
  readonly limits: PartLimits;
  protected readonly service: XmlService;

  protected constructor(service: XmlService) {
    this.provider = service.provider;
    this.limits = service.limits;
    this.service = service;
  }

  connect(): void {
    this.service.client.connect();
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return MultipartUpload.open(this.service, object, signal, { mayUseCrc32: true });
  }

  async put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { client, digest } = this.service;
    const md5 = await digest(body, "md5");
    const headers = {
      ...storedHeaders(object),
      ...optionHeaders(this.service, "put", NOT_FOR_PIECES),
      "content-md5": md5.toString("base64"),
    };
    await client.send({
      ...{ method: "PUT", key: object.key, headers, body, signal },
      check: (response) => requireStored(response.headers, { md5 }),
    });
  }

  async find(key: string, signal: AbortSignal): Promise<StoredObject | null> {
    const { client, provider } = this.service;
    const { status, headers } = await client.send({ method: "HEAD", key, signal, accept: [404] });
    if (status === 404) return null;
    const version = provider === "gcs" ? headers["x-goog-generation"]?.toString() : headers.etag;
    const length = headers["content-length"];
    if (version === undefined || length === undefined) {
      throw new StorageFault("upload_failed", "the storage did not describe the object");
    }
    return { key, bytes: Number(length), version };
  }

  async openCopy(object: NewObject, source: StoredObject, signal: AbortSignal): Promise<ObjectCopy> {
    return new PartsCopy(this, await MultipartUpload.open(this.service, object, signal), source);
  }

  abort(key: string, uploadRef: string): Promise<void> {
    return abortMultipartUpload(this.service.client, key, uploadRef);
  }

  listUploads(key: string): Promise<UnfinishedUpload[]> {
    return listMultipartUploads(this.service.client, key);
  }

  /** Does nothing if there is no such object. */
  async delete(key: string): Promise<void> {
    await this.service.client.send({ method: "DELETE", key, accept: [404] });
  }

  signGet(key: string, seconds: number, fileName?: string): Promise<string> {
    return this.service.signGet(key, seconds, fileName);
  }

  ownLink(key: string, seconds: number): Promise<string> {
    return this.signGet(key, seconds);
  }

  close(): void {}
}
