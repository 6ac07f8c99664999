import { addressOf, type BucketAddress, objectUrl, type TargetOf } from "../../../schema/storage/address.ts";
import { optionHeaders } from "../../../schema/storage/object-options.ts";
import type { Query } from "../../../schema/storage/object-path.ts";
import { permissionFor } from "../../../schema/storage/permissions.ts";
import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { contentMd5 } from "../../lib/content-md5.ts";
import { type StorageNetwork, type StorageRequest, type StorageResponse, sendToStorage } from "./http.ts";
import { LISTED_KEYS, type StorageClient } from "./store.ts";

/** A request to one bucket, before it is signed. */
export interface XmlRequest {
  readonly method: StorageRequest["method"];
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: Query;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly as sent. */
  readonly url: string;
}

/** Signs requests. */
export interface XmlAuthority {
  /** The headers of a request, including its signature. */
  authorize(request: XmlRequest): Promise<Record<string, string>>;
  /** A signed link that reads an object. */
  signedLink(key: string): Promise<string>;
}

type XmlTarget = TargetOf<"s3" | "gcs" | "oss">;

/** A bucket behind the XML interface of S3: S3 itself, Google Cloud Storage, OSS. */
export class XmlStore implements StorageClient {
  readonly #target: XmlTarget;
  readonly #address: BucketAddress;
  readonly #authority: XmlAuthority;
  readonly #network: StorageNetwork;

  constructor(target: XmlTarget, authority: XmlAuthority, network: StorageNetwork) {
    this.#target = target;
    this.#address = addressOf(target);
    this.#authority = authority;
    this.#network = network;
  }

  async putObject(key: string, text: string, contentType = "text/plain"): Promise<void> {
    const headers = {
      "content-type": contentType,
      "content-md5": await contentMd5(text),
      ...optionHeaders(this.#target, "put"),
    };
    await this.#send({ method: "PUT", key, headers }, { body: text });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", key }, { accept: [404] });
  }

  signedLink(key: string): Promise<string> {
    return this.#authority.signedLink(key);
  }

  async abortUpload(key: string, ref: string): Promise<void> {
    await this.#send({ method: "DELETE", key, query: { uploadId: ref } }, { accept: [404] });
  }

  async listKeys(prefix: string): Promise<string[]> {
    const query = { "list-type": "2", "max-keys": `${LISTED_KEYS}`, prefix };
    return xmlTexts((await this.#send({ method: "GET", key: "", query })).text, "Key");
  }

  async #send(
    { query = {}, headers = {}, ...head }: Partial<XmlRequest> & Pick<XmlRequest, "method" | "key">,
    more: Pick<StorageRequest, "body" | "accept"> = {},
  ): Promise<StorageResponse> {
    const url = objectUrl(this.#address, head.key, query);
    const authorized = await this.#authority.authorize({ ...head, query, headers, url });
    const permission = permissionFor(this.#target.provider, { ...head, query });
    return sendToStorage(this.#network, {
      ...{ method: head.method, url, headers: authorized, permission },
      ...more,
    });
  }
}
