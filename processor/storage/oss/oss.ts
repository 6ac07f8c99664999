import type OSS from "ali-oss";
import { addressOf, type BucketAddress } from "../../../schema/storage/address.ts";
import { attachmentNamed } from "../../../schema/storage/object-path.ts";
import type { NewObject, ObjectStore, PartLimits, UnfinishedUpload, Upload } from "../object-store.ts";
import { objectUrl } from "../object-url.ts";
import { epochMs } from "../s3/multipart-uploads.ts";
import { OssClient, type OssOptions } from "./oss-client.ts";
import { abortOssUpload, dispositionHeader, OssUpload } from "./oss-upload.ts";

const LIMITS: PartLimits = { minBytes: 100 << 10, maxBytes: 64 << 20, maxParts: 10_000, equalParts: false };
type UploadsPage = Awaited<ReturnType<OSS["listUploads"]>>;

const WEEK_SECONDS = 604_800;

/**
 * A bucket of Alibaba Cloud's Object Storage Service, addressed by host and signed with Version 4.
 *
 * @example new OssObjectStore({ endpoint: "https://oss-cn-hangzhou.aliyuncs.com", region: "cn-hangzhou", bucket: "media", … })
 */
export class OssObjectStore implements ObjectStore {
  readonly provider = "oss";
  readonly limits = LIMITS;
  readonly #address: BucketAddress;
  readonly #client: OssClient;

  constructor(options: OssOptions) {
    this.#address = addressOf({ provider: "oss", ...options });
    this.#client = new OssClient(options);
  }

  async open(object: NewObject, signal: AbortSignal): Promise<Upload> {
    objectUrl(this.#address, object.key);
    return await OssUpload.open(this.#client, object, signal);
  }

  async put(object: NewObject, body: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const { contentType: mime, key } = object;
    const headers = dispositionHeader(object);
    // of a stream, the SDK sends no length
    const bytes = Buffer.concat(body);
    await this.#client.run((sdk) => sdk.put(key, bytes, { mime, headers }), { signal });
  }

  abort(key: string, uploadRef: string): Promise<void> {
    return abortOssUpload(this.#client, key, uploadRef);
  }

  async listUploads(key: string): Promise<UnfinishedUpload[]> {
    const found: UnfinishedUpload[] = [];
    for (let marker: Record<string, string> | null = {}; marker !== null; ) {
      const page = await this.#listPage({ prefix: key, ...marker });
      for (const { name, uploadId, initiated } of page.uploads) {
        if (name === key) found.push({ ref: uploadId, startedAt: epochMs(initiated) });
      }
      marker = nextPage(page, key);
    }
    return found;
  }

  async #listPage(query: Record<string, string>): Promise<UploadsPage> {
    return (await this.#client.run((sdk) => sdk.listUploads(query))) ?? { uploads: [], isTruncated: false };
  }

  async delete(key: string): Promise<void> {
    await this.#client.run((sdk) => sdk.delete(key), { accept: [404] });
  }

  async signGet(key: string, seconds: number, fileName?: string): Promise<string | null> {
    const queries: Record<string, string> =
      fileName === undefined ? {} : { "response-content-disposition": attachmentNamed(fileName) };
    const expires = Math.min(WEEK_SECONDS, Math.max(1, Math.floor(seconds)));
    return await this.#client.run((sdk) => sdk.signatureUrlV4("GET", expires, { queries }, key));
  }

  close(): void {}
}

/** Uploads are listed by key: once another key was reached, exactly `key` cannot come again. */
function nextPage(page: UploadsPage, key: string): Record<string, string> | null {
  const { isTruncated, nextKeyMarker, nextUploadIdMarker } = page;
  if (!isTruncated || nextKeyMarker !== key || !nextUploadIdMarker) return null;
  return { "key-marker": nextKeyMarker, "upload-id-marker": nextUploadIdMarker };
}
