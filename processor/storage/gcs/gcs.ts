import { addressOf } from "../../../schema/storage/address.ts";
import { GcsSignature } from "../../../schema/storage/signing/gcs-signature.ts";
import type { NewObject, ObjectCopy, PartLimits, StoredObject } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier } from "../retrier.ts";
import { S3ApiClient } from "../s3/s3-api-client.ts";
import { XmlObjectStore } from "../s3/xml-object-store.ts";
import type { StoreOptions } from "../store-options.ts";
import { StorageTransport } from "../transport.ts";
import { digestInline } from "../uploads/content-digest.ts";
import { GcsAccount, type ServiceAccount } from "./gcs-account.ts";
import { WholeCopy } from "./whole-copy.ts";

/** Where to write, and with which credentials. */
export interface GcsOptions extends StoreOptions {
  /** Endpoint of the XML interface. @example "https://storage.googleapis.com" */
  readonly endpoint: string;
  readonly bucket: string;
  readonly account: ServiceAccount;
}

const LIMITS: PartLimits = {
  minBytes: 5 << 20,
  maxBytes: 64 << 20,
  maxParts: 10_000,
  equalParts: false,
  inOrder: false,
};

/**
 * A bucket of Google Cloud Storage, accessed by a service account. Google's SDK authorises the requests; parts go
 * through the XML interface, because the SDK's uploads send one part after the other. Its multipart uploads take no parts
 * of stored objects, so a copy is one request, on condition that the object under the key is what it was at the beginning.
 *
 * @example new GcsObjectStore({ endpoint: "https://storage.googleapis.com", bucket: "media", account, agentFor })
 */
export class GcsObjectStore extends XmlObjectStore {
  readonly #tokens: GcsAccount;

  constructor({ endpoint, bucket, account, ...more }: GcsOptions) {
    const transport = new StorageTransport(more);
    const retrier = new Retrier({
      clock: more.clock,
      attempts: more.attempts,
      secrets: [account.privateKey],
    });
    const tokens = new GcsAccount(account, endpoint, transport);
    const address = addressOf({ provider: "gcs", endpoint, bucket });
    const signature = new GcsSignature(account, () => retrier.clock.now());
    super({
      provider: "gcs",
      limits: LIMITS,
      bucket,
      options: more.options,
      digest: more.digest ?? digestInline,
      crc32: null,
      client: new S3ApiClient({
        provider: "gcs",
        ...{ address, transport, retrier },
        authorize: async ({ headers }) => ({
          headers: { ...headers, authorization: `Bearer ${await tokens.token()}` },
        }),
      }),
      signGet: async (key, seconds, fileName) =>
        await signature.presign(objectUrl(address, key), seconds, fileName),
    });
    this.#tokens = tokens;
  }

  /** Also gets a token; the first request meets a failure of it again. */
  override connect(): void {
    super.connect();
    this.#tokens.token().catch(() => {});
  }

  override async openCopy(object: NewObject, source: StoredObject, signal: AbortSignal): Promise<ObjectCopy> {
    return WholeCopy.open(this.service, object, { source, replaced: await this.find(object.key, signal) });
  }
}
