import { AwsV4Signer } from "aws4fetch";
import type { RetryClock } from "../../retry.ts";
import type { XmlHead } from "./s3-api-client.ts";

/** As whom to write. */
export interface S3Credentials {
  /** @example "eu-central-1", or "auto" for R2 */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Signs requests and links with Signature Version 4. */
export class S3Signer {
  readonly #credentials: S3Credentials;
  readonly #clock: RetryClock;
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(credentials: S3Credentials, clock: RetryClock) {
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** The request with its signature in a header. */
  async sign(head: XmlHead): Promise<{ url: URL; headers: Record<string, string> }> {
    const { url, headers } = await this.#signer(head, false).sign();
    return { url, headers: Object.fromEntries(headers) };
  }

  /** A URL that carries its own signature for `seconds`, at most 7 days. */
  async presign(url: string, seconds: number): Promise<string> {
    const limited = new URL(url);
    limited.searchParams.set("X-Amz-Expires", String(Math.min(604_800, Math.max(1, Math.floor(seconds)))));
    const head = { method: "GET", url: limited.href.replaceAll("+", "%20"), headers: {} };
    const signed = await this.#signer(head, true).sign();
    return signed.url.href.replaceAll("+", "%20");
  }

  #signer({ method, url, headers }: XmlHead, signQuery: boolean): AwsV4Signer {
    const { accessKeyId, secretAccessKey, sessionToken, region } = this.#credentials;
    return new AwsV4Signer({
      method,
      url,
      headers: { ...headers },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken ? { sessionToken } : {}),
      service: "s3",
      region,
      cache: this.#signingKeys,
      signQuery,
      datetime: new Date(this.#clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
  }
}
