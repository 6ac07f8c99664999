import { AwsV4Signer } from "aws4fetch";
import type { BucketAddress } from "../../../schema/storage/address.ts";
import { type S3Credentials, S3Signature } from "../../../schema/storage/signing/s3-signature.ts";
import type { NewObject, ObjectStore, PartLimits, UnfinishedUpload, Upload } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier, type RetryOptions } from "../retrier.ts";
import { StorageTransport, type TransportOptions } from "../transport.ts";
import { MultipartUpload } from "./multipart-upload.ts";
import {
  abortMultipartUpload,
  deleteXmlObject,
  listMultipartUploads,
  putXmlObject,
} from "./multipart-uploads.ts";
import { S3ApiClient } from "./s3-api-client.ts";

/** Where and as whom to write. */
export interface S3Options extends BucketAddress, S3Credentials, TransportOptions, RetryOptions {}

/** What S3 and R2 both take: R2 wants equal parts, and bodies that leave a container are limited in size. */
const LIMITS: PartLimits = { minBytes: 5 << 20, maxBytes: 64 << 20, maxParts: 10_000, equalParts: true };
const OWNER_HEADER = "x-amz-meta-upload";

/**
 * Any server that speaks S3 with Signature Version 4: AWS, Cloudflare R2 (also its local endpoint), Backblaze, MinIO.
 *
 * An empty object is an upload with one empty part; S3 and R2 (also its local endpoint) take it.
 *
 * @example new S3ObjectStore({ endpoint: "https://ACCOUNT.r2.cloudflarestorage.com", bucket: "media", region: "auto", … })
 */
export class S3ObjectStore implements ObjectStore {
  readonly provider = "s3";
  readonly limits = LIMITS;
  readonly #address: BucketAddress;
  readonly #signature: S3Signature;
  readonly #client: S3ApiClient;

  constructor(options: S3Options) {
    const { accessKeyId, secretAccessKey, sessionToken = "" } = options;
    const secrets = [secretAccessKey, accessKeyId, sessionToken];
    const retrier = new Retrier({ clock: options.clock, attempts: options.attempts, secrets });
    this.#address = options;
    this.#signature = new S3Signature(AwsV4Signer, options, () => retrier.clock.now());
    this.#client = new S3ApiClient({
      address: this.#address,
      authorize: (head) => this.#signature.sign(head),
      transport: new StorageTransport(options),
      retrier,
    });
  }

  open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    return MultipartUpload.open({ client: this.#client, ownerHeader: OWNER_HEADER }, object, signal);
  }

  put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    return putXmlObject(this.#client, object, body, signal);
  }

  abort(key: string, uploadRef: string): Promise<void> {
    return abortMultipartUpload(this.#client, key, uploadRef);
  }

  listUploads(key: string): Promise<UnfinishedUpload[]> {
    return listMultipartUploads(this.#client, key);
  }

  delete(key: string): Promise<void> {
    return deleteXmlObject(this.#client, key);
  }

  async signGet(key: string, seconds: number, fileName?: string): Promise<string> {
    return await this.#signature.presign(objectUrl(this.#address, key), seconds, fileName);
  }

  close(): void {}
}
