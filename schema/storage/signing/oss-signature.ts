import { hmacSha256, sha256Hex, toHex } from "../../bytes.ts";
import { type BucketAddress, objectUrl } from "../address.ts";
import { encodeKey, encodeSegment, type Query, queryString } from "../object-path.ts";
import { compactTime } from "./compact-time.ts";
import { linkSeconds } from "./request-head.ts";

const ALGORITHM = "OSS4-HMAC-SHA256";
const UNSIGNED = "UNSIGNED-PAYLOAD";

/** The identity that signs. */
export interface OssCredentials {
  /** @example "cn-hangzhou" */
  readonly region: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Token of temporary credentials (STS). */
  readonly sessionToken?: string | undefined;
}

/** A request to one bucket. Its URL follows from these members. */
export interface OssHead {
  readonly method: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Query | undefined;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Signature Version 4 of Alibaba Cloud OSS, made with WebCrypto because OSS's own library does not start in a Worker.
 */
export class OssSignature {
  readonly #address: BucketAddress;
  readonly #credentials: OssCredentials;
  readonly #now: () => number;

  constructor(address: BucketAddress, credentials: OssCredentials, now: () => number) {
    this.#address = address;
    this.#credentials = credentials;
    this.#now = now;
  }

  /** The request's headers including its signature. */
  async sign({ headers = {}, ...head }: OssHead): Promise<Record<string, string>> {
    const time = compactTime(this.#now());
    const { accessKeyId, sessionToken } = this.#credentials;
    const signed = {
      ...headers,
      "x-oss-content-sha256": UNSIGNED,
      "x-oss-date": time,
      ...(sessionToken ? { "x-oss-security-token": sessionToken } : {}),
    };
    const signature = await this.#signature({ ...head, headers: signed }, time);
    const credential = `${accessKeyId}/${this.#scope(time)}`;
    return { ...signed, authorization: `${ALGORITHM} Credential=${credential},Signature=${signature}` };
  }

  /** A URL that reads an object for `seconds`, at most 7 days. */
  async presign(key: string, seconds: number): Promise<string> {
    const time = compactTime(this.#now());
    const { accessKeyId, sessionToken } = this.#credentials;
    const unsigned = {
      "x-oss-credential": `${accessKeyId}/${this.#scope(time)}`,
      "x-oss-date": time,
      "x-oss-expires": String(linkSeconds(seconds)),
      "x-oss-signature-version": ALGORITHM,
      ...(sessionToken ? { "x-oss-security-token": sessionToken } : {}),
    };
    const signature = await this.#signature({ method: "GET", key, query: unsigned }, time);
    return objectUrl(this.#address, key, { ...unsigned, "x-oss-signature": signature });
  }

  async #signature({ method, key, query = {}, headers = {} }: OssHead, time: string): Promise<string> {
    const canonical = [
      method,
      `/${encodeSegment(this.#address.bucket)}/${encodeKey(key)}`,
      canonicalQuery(query),
      ...Object.keys(headers)
        .filter((name) => /^(content-type$|content-md5$|x-oss-)/.test(name))
        .sort()
        .map((name) => `${name}:${headers[name]}`),
      // no further headers are signed: an empty line ends those above, and the list of further ones is empty
      ...["", "", UNSIGNED],
    ].join("\n");
    const scope = this.#scope(time);
    const text = [ALGORITHM, time, scope, await sha256Hex(canonical)].join("\n");
    let signingKey = await hmacSha256(`aliyun_v4${this.#credentials.accessKeySecret}`, time.slice(0, 8));
    for (const part of scope.split("/").slice(1)) signingKey = await hmacSha256(signingKey, part);
    return toHex(await hmacSha256(signingKey, text));
  }

  #scope(time: string): string {
    return `${time.slice(0, 8)}/${this.#credentials.region}/oss/aliyun_v4_request`;
  }
}

/** Query parameters without a value are signed without `=`. */
const canonicalQuery = (query: Query): string => queryString(query).replace(/=(?=&|$)/g, "");
