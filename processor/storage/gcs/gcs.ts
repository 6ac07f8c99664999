import { addressOf, type BucketAddress } from "../../../schema/storage/address.ts";
import { GcsSignature } from "../../../schema/storage/signing/gcs-signature.ts";
import type { NewObject, ObjectStore, PartLimits, UnfinishedUpload, Upload } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier, type RetryOptions } from "../retrier.ts";
import { MultipartUpload } from "../s3/multipart-upload.ts";
import {
  abortMultipartUpload,
  deleteXmlObject,
  listMultipartUploads,
  putXmlObject,
} from "../s3/multipart-uploads.ts";
import { S3ApiClient } from "../s3/s3-api-client.ts";
import { StorageTransport, type TransportOptions } from "../transport.ts";
import { GcsAccount, type ServiceAccount } from "./gcs-account.ts";

/** Where and as whom to write. */
export interface GcsOptions extends TransportOptions, RetryOptions {
  /** Of the XML interface. @example "https://storage.googleapis.com" */
  readonly endpoint: string;
  readonly bucket: string;
  readonly account: ServiceAccount;
}

const LIMITS: PartLimits = { minBytes: 5 << 20, maxBytes: 64 << 20, maxParts: 10_000, equalParts: false };
const OWNER_HEADER = "x-goog-meta-upload";

/**
 * A bucket of Google Cloud Storage, by a service account. Google's SDK proves who asks; parts go through the XML
 * interface, because the SDK's uploads send one part after the other.
 *
 * @example new GcsObjectStore({ endpoint: "https://storage.googleapis.com", bucket: "media", account, agentFor })
 */
export class GcsObjectStore implements ObjectStore {
  readonly provider = "gcs";
  readonly limits = LIMITS;
  readonly #address: BucketAddress;
  readonly #signature: GcsSignature;
  readonly #client: S3ApiClient;

  constructor({ endpoint, bucket, account, clock, attempts, ...connections }: GcsOptions) {
    const transport = new StorageTransport(connections);
    const retrier = new Retrier({ clock, attempts, secrets: [account.privateKey] });
    const tokens = new GcsAccount(account, endpoint, transport);
    this.#address = addressOf({ provider: "gcs", endpoint, bucket });
    this.#signature = new GcsSignature(account, () => retrier.clock.now());
    this.#client = new S3ApiClient({
      ...{ address: this.#address, transport, retrier },
      authorize: async ({ headers }) => ({
        ...headers,
        authorization: `Bearer ${await tokens.token()}`,
      }),
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
