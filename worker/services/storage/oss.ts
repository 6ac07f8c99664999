import { xmlTexts } from "../../../schema/storage/xml-answer.ts";
import { encodeKey, encodeStrictly, hmacSha256, toHex } from "../../lib/bytes.ts";
import { sha256Hex } from "../../lib/digest.ts";
import { type TargetOf, withBucket } from "./addresses.ts";
import { type StorageNetwork, type StorageRequest, type StorageResponse, sendToStorage } from "./http.ts";
import { LINK_SECONDS, LISTED_KEYS, type StorageClient } from "./store.ts";
import { compactTime } from "./time.ts";

const ALGORITHM = "OSS4-HMAC-SHA256";
const UNSIGNED = "UNSIGNED-PAYLOAD";

interface OssRequest extends Pick<StorageRequest, "method" | "body" | "accept"> {
  /** Empty for the bucket. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A bucket of Alibaba's Object Storage Service, signature version 4, addressed by host. */
export class OssStore implements StorageClient {
  readonly #target: TargetOf<"oss">;
  readonly #network: StorageNetwork;

  constructor(target: TargetOf<"oss">, network: StorageNetwork) {
    this.#target = target;
    this.#network = network;
  }

  async putObject(key: string, text: string): Promise<void> {
    await this.#send({ method: "PUT", key, body: text, headers: { "content-type": "text/plain" } });
  }

  async deleteObject(key: string): Promise<void> {
    await this.#send({ method: "DELETE", key, accept: [404] });
  }

  async signedLink(key: string): Promise<string> {
    const time = compactTime(this.#network.clock());
    const unsigned = {
      "x-oss-credential": `${this.#target.access_key_id}/${this.#scope(time)}`,
      "x-oss-date": time,
      "x-oss-expires": String(LINK_SECONDS),
      "x-oss-signature-version": ALGORITHM,
    };
    const signature = await this.#sign({ method: "GET", key, query: unsigned }, time);
    return this.#url(key, { ...unsigned, "x-oss-signature": signature });
  }

  async abortUpload(key: string, ref: string): Promise<void> {
    await this.#send({ method: "DELETE", key, query: { uploadId: ref }, accept: [404] });
  }

  async listKeys(prefix: string): Promise<string[]> {
    const query = { "list-type": "2", "max-keys": `${LISTED_KEYS}`, prefix };
    return xmlTexts((await this.#send({ method: "GET", key: "", query })).text, "Key");
  }

  async #send({ method, key, query = {}, headers = {}, body, accept }: OssRequest): Promise<StorageResponse> {
    const time = compactTime(this.#network.clock());
    const signed = { ...headers, "x-oss-content-sha256": UNSIGNED, "x-oss-date": time };
    const signature = await this.#sign({ method, key, query, headers: signed }, time);
    const credential = `${this.#target.access_key_id}/${this.#scope(time)}`;
    return sendToStorage(this.#network, {
      method,
      url: this.#url(key, query),
      headers: { ...signed, authorization: `${ALGORITHM} Credential=${credential},Signature=${signature}` },
      ...(body === undefined ? {} : { body }),
      ...(accept ? { accept } : {}),
    });
  }

  async #sign({ method, key, query = {}, headers = {} }: OssRequest, time: string): Promise<string> {
    const { bucket, access_key_secret } = this.#target;
    const canonical = [
      method,
      `/${encodeStrictly(bucket)}/${encodeKey(key)}`,
      queryString(query),
      ...Object.keys(headers)
        .sort()
        .map((name) => `${name}:${headers[name]}`),
      // no further headers are signed: an empty line ends those above, and their list is empty
      "",
      "",
      UNSIGNED,
    ].join("\n");
    const scope = this.#scope(time);
    const text = [ALGORITHM, time, scope, await sha256Hex(canonical)].join("\n");
    let signingKey = await hmacSha256(`aliyun_v4${access_key_secret}`, time.slice(0, 8));
    for (const part of scope.split("/").slice(1)) signingKey = await hmacSha256(signingKey, part);
    return toHex(await hmacSha256(signingKey, text));
  }

  #scope(time: string): string {
    return `${time.slice(0, 8)}/${this.#target.region}/oss/aliyun_v4_request`;
  }

  #url(key: string, query: Readonly<Record<string, string>>): string {
    const search = queryString(query);
    const { endpoint, bucket } = this.#target;
    return `${withBucket(endpoint, bucket)}/${encodeKey(key)}${search === "" ? "" : `?${search}`}`;
  }
}

const queryString = (query: Readonly<Record<string, string>>): string =>
  Object.keys(query)
    .sort()
    .map((name) => `${encodeStrictly(name)}=${encodeStrictly(query[name] ?? "")}`)
    .join("&");
