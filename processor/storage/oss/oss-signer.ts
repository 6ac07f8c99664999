import type OSS from "ali-oss";
import type { Query } from "../../../schema/storage/object-path.ts";
import { linkSeconds } from "../../../schema/storage/signing/request-head.ts";

/** Where to sign, and with which credentials. */
export interface OssAccess {
  /**
   * Endpoint of the region; the bucket becomes the first label of its host.
   * @example "https://oss-cn-hangzhou.aliyuncs.com"
   */
  readonly endpoint: string;
  readonly bucket: string;
  /** @example "cn-hangzhou" */
  readonly region: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of temporary credentials (STS). */
  readonly sessionToken?: string | undefined;
}

/** The signed content of a request. */
export interface OssRequest {
  readonly method: string;
  /** Empty for the bucket. */
  readonly key: string;
  readonly query: Query;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Signed URLs by Alibaba's SDK, which sends nothing itself: see `docs/decisions/ali-oss.md`. */
export class OssSigner {
  readonly #access: OssAccess;
  #sdk: Promise<OSS> | null = null;

  constructor(access: OssAccess) {
    this.#access = access;
  }

  /** A URL that carries the request's signature for `seconds`, at most 7 days; type, MD5 and `x-oss-` headers are signed. */
  async sign({ method, key, query, headers = {} }: OssRequest, seconds: number): Promise<string> {
    const queries = Object.fromEntries(
      Object.entries(query).map(([name, value]) => [name, value === "" ? null : value]),
    );
    const sdk = await this.#load();
    return await sdk.signatureUrlV4(method, linkSeconds(seconds), { headers: { ...headers }, queries }, key);
  }

  /** The SDK costs time and memory: the first run that needs it loads it. */
  #load(): Promise<OSS> {
    this.#sdk ??= import("ali-oss").then(({ default: Sdk }) => {
      const { sessionToken, region, endpoint, bucket, accessKeyId, accessKeySecret } = this.#access;
      return new Sdk({
        ...{ endpoint, bucket, accessKeyId, accessKeySecret },
        ...(sessionToken ? { stsToken: sessionToken } : {}),
        region: `oss-${region}`,
        authorizationV4: true,
      });
    });
    return this.#sdk;
  }
}
