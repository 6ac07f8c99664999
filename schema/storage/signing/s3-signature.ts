import { attachmentNamed } from "../object-path.ts";
import { compactTime } from "./compact-time.ts";
import { linkSeconds, type RequestHead } from "./request-head.ts";

/** The identity that signs. */
export interface S3Credentials {
  /** @example "eu-central-1", or "auto" for R2 */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Token of temporary credentials. */
  readonly sessionToken?: string | undefined;
}

interface SignerOptions {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly service: string;
  readonly region: string;
  readonly cache: Map<string, ArrayBuffer>;
  readonly datetime: string;
  readonly signQuery: boolean;
}

/** `AwsV4Signer` of aws4fetch. It is injected, because the schema depends on zod only. */
export type SignerClass = new (
  options: SignerOptions,
) => { sign(): Promise<{ readonly url: URL; readonly headers: Headers }> };

/**
 * Signature Version 4 of S3. This class decides what is signed; the injected signer computes the signature. Bodies are
 * never signed.
 *
 * @example new S3Signature(AwsV4Signer, { region, accessKeyId, secretAccessKey }, Date.now)
 */
export class S3Signature {
  readonly #Signer: SignerClass;
  readonly #credentials: S3Credentials;
  readonly #now: () => number;
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(signer: SignerClass, credentials: S3Credentials, now: () => number) {
    this.#Signer = signer;
    this.#credentials = credentials;
    this.#now = now;
  }

  /** The request's headers including its signature. */
  async sign(head: RequestHead): Promise<Record<string, string>> {
    const { headers } = await this.#signer(head, false).sign();
    const signed: Record<string, string> = {};
    for (const [name, value] of headers) signed[name] = value;
    return signed;
  }

  /**
   * A URL that carries its own signature for `seconds`, at most 7 days. With `fileName`, browsers save it under that
   * name.
   */
  async presign(url: string, seconds: number, fileName?: string): Promise<string> {
    const unsigned = new URL(url);
    if (fileName) unsigned.searchParams.set("response-content-disposition", attachmentNamed(fileName));
    unsigned.searchParams.set("X-Amz-Expires", String(linkSeconds(seconds)));
    const head = { method: "GET", url: withSpaces(unsigned), headers: {} };
    return withSpaces((await this.#signer(head, true).sign()).url);
  }

  #signer({ method, url, headers }: RequestHead, signQuery: boolean) {
    const { accessKeyId, secretAccessKey, sessionToken, region } = this.#credentials;
    return new this.#Signer({
      ...{ method, url, headers: { ...headers }, accessKeyId, secretAccessKey },
      ...(sessionToken ? { sessionToken } : {}),
      ...{ service: "s3", region, cache: this.#signingKeys, signQuery },
      datetime: compactTime(this.#now()),
    });
  }
}

/** Not every server reads `+` as a space, as forms do. A literal plus is already %2B at this point. */
const withSpaces = (url: URL): string => url.href.replaceAll("+", "%20");
