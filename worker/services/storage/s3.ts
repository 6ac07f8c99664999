import { AwsV4Signer } from "aws4fetch";
import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { encodeKey } from "../../lib/bytes.ts";
import { type TargetOf, withBucket } from "./addresses.ts";
import { type StorageNetwork, type StorageRequest, type StorageResponse, sendToStorage } from "./http.ts";
import { LINK_SECONDS, LISTED_KEYS, type StorageClient } from "./store.ts";
import { compactTime } from "./time.ts";

/** A bucket behind S3's interface, Signature Version 4. */
export class S3Store implements StorageClient {
  readonly #target: TargetOf<"s3">;
  readonly #network: StorageNetwork;

  constructor(target: TargetOf<"s3">, network: StorageNetwork) {
    this.#target = target;
    this.#network = network;
  }

  async putObject(key: string, text: string, contentType = "text/plain"): Promise<void> {
    await this.#send({
      method: "PUT",
      url: this.#url(key),
      body: text,
      headers: { "content-type": contentType },
    });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", url: this.#url(key), accept: [404] });
  }

  async signedLink(key: string): Promise<string> {
    const url = this.#url(key);
    url.searchParams.set("X-Amz-Expires", String(LINK_SECONDS));
    const signed = await this.#signer({ method: "GET", url }, true).sign();
    return signed.url.href;
  }

  async abortUpload(key: string, ref: string): Promise<void> {
    const url = this.#url(key);
    url.searchParams.set("uploadId", ref);
    await this.#send({ method: "DELETE", url, accept: [404] });
  }

  async listKeys(prefix: string): Promise<string[]> {
    const url = new URL(this.#bucketUrl());
    for (const [name, value] of Object.entries({ "list-type": "2", "max-keys": `${LISTED_KEYS}`, prefix })) {
      url.searchParams.set(name, value);
    }
    return xmlTexts((await this.#send({ method: "GET", url })).text, "Key");
  }

  #bucketUrl(): string {
    const { endpoint, bucket, addressing } = this.#target;
    return addressing === "path" ? `${endpoint}/${encodeKey(bucket)}` : withBucket(endpoint, bucket);
  }

  #url(key: string): URL {
    return new URL(`${this.#bucketUrl()}/${encodeKey(key)}`);
  }

  async #send(request: StorageRequest): Promise<StorageResponse> {
    const { headers } = await this.#signer(request, false).sign();
    return sendToStorage(this.#network, { ...request, headers });
  }

  #signer({ method, url, headers }: StorageRequest, signQuery: boolean): AwsV4Signer {
    const { access_key, secret_key, region } = this.#target;
    return new AwsV4Signer({
      method,
      url: String(url),
      ...(headers ? { headers } : {}),
      accessKeyId: access_key,
      secretAccessKey: secret_key,
      service: "s3",
      region,
      datetime: compactTime(this.#network.clock()),
      signQuery,
    });
  }
}
