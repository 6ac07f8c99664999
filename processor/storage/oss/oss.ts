import { addressOf } from "../../../schema/storage/address.ts";
import { attachmentNamed } from "../../../schema/storage/object-path.ts";
import type { PartLimits } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { Retrier } from "../retrier.ts";
import { S3ApiClient } from "../s3/s3-api-client.ts";
import { XmlObjectStore } from "../s3/xml-object-store.ts";
import type { StoreOptions } from "../store-options.ts";
import { StorageTransport } from "../transport.ts";
import { digestInline } from "../uploads/content-digest.ts";
import { type OssAccess, OssSigner } from "./oss-signer.ts";

/** Where to write, and with which credentials. */
export interface OssOptions extends OssAccess, StoreOptions {}

const LIMITS: PartLimits = {
  minBytes: 100 << 10,
  maxBytes: 64 << 20,
  maxParts: 10_000,
  equalParts: false,
  inOrder: false,
};
/** The difference of clocks that the service allows. */
const REQUEST_SECONDS = 900;

/**
 * A bucket of Alibaba Cloud's Object Storage Service, addressed by host and signed with Version 4.
 *
 * @example new OssObjectStore({ endpoint: "https://oss-cn-hangzhou.aliyuncs.com", region: "cn-hangzhou", bucket: "media", … })
 */
export class OssObjectStore extends XmlObjectStore {
  constructor(options: OssOptions) {
    const { accessKeyId, accessKeySecret, sessionToken = "", clock, attempts } = options;
    const retrier = new Retrier({ clock, attempts, secrets: [accessKeySecret, accessKeyId, sessionToken] });
    const address = addressOf({ provider: "oss", ...options });
    const signer = new OssSigner(options);
    super({
      provider: "oss",
      limits: LIMITS,
      bucket: options.bucket,
      options: options.options,
      digest: options.digest ?? digestInline,
      crc32: null,
      client: new S3ApiClient({
        provider: "oss",
        ...{ address, retrier, transport: new StorageTransport(options) },
        authorize: async (request) => ({
          url: await signer.sign(request, REQUEST_SECONDS),
          headers: request.headers,
        }),
      }),
      signGet: async (key, seconds, fileName) => {
        // refuses keys that no URL can name
        objectUrl(address, key);
        const query: Record<string, string> =
          fileName === undefined ? {} : { "response-content-disposition": attachmentNamed(fileName) };
        return await signer.sign({ method: "GET", key, query }, seconds);
      },
    });
  }
}
