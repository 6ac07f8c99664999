import { AwsV4Signer } from "aws4fetch";
import type { BucketAddress } from "../../../schema/storage/address.ts";
import { type S3Credentials, S3Signature } from "../../../schema/storage/signing/s3-signature.ts";
import type { PartLimits } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier } from "../retrier.ts";
import type { StoreOptions } from "../store-options.ts";
import { StorageTransport } from "../transport.ts";
import { digestInline } from "../uploads/content-digest.ts";
import { Crc32Refusals } from "./crc32-refusals.ts";
import { S3ApiClient } from "./s3-api-client.ts";
import { XmlObjectStore } from "./xml-object-store.ts";

/** Where to write, and with which credentials. */
export interface S3Options extends BucketAddress, S3Credentials, StoreOptions {
  /** What other uploads found out; default: nothing. */
  readonly crc32Refusals?: Crc32Refusals | undefined;
}

/** What both S3 and R2 accept: R2 requires equal parts, and bodies that leave a container are limited in size. */
const LIMITS: PartLimits = {
  minBytes: 5 << 20,
  maxBytes: 64 << 20,
  maxParts: 10_000,
  equalParts: true,
  inOrder: false,
};

/**
 * Any server that speaks S3 with Signature Version 4: AWS, Cloudflare R2 (also its local endpoint), Backblaze, MinIO.
 *
 * An empty object is an upload with one empty part; S3 and R2 (also its local endpoint) accept it.
 *
 * @example new S3ObjectStore({ endpoint: "https://ACCOUNT.r2.cloudflarestorage.com", bucket: "media", region: "auto", … })
 */
export class S3ObjectStore extends XmlObjectStore {
  constructor(options: S3Options) {
    const { accessKeyId, secretAccessKey, sessionToken = "", clock, attempts } = options;
    const retrier = new Retrier({ clock, attempts, secrets: [secretAccessKey, accessKeyId, sessionToken] });
    const signature = new S3Signature(AwsV4Signer, options, () => retrier.clock.now());
    super({
      provider: "s3",
      limits: LIMITS,
      bucket: options.bucket,
      options: options.options,
      digest: options.digest ?? digestInline,
      crc32: {
        refusals: options.crc32Refusals ?? new Crc32Refusals(),
        storage: `${options.endpoint} ${options.bucket}`,
      },
      client: new S3ApiClient({
        provider: "s3",
        address: options,
        authorize: async (head) => ({ headers: await signature.sign(head) }),
        transport: new StorageTransport(options),
        retrier,
      }),
      signGet: async (key, seconds, fileName) =>
        await signature.presign(objectUrl(options, key), seconds, fileName),
    });
  }
}
