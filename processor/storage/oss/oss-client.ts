import type { Readable } from "node:stream";
import type OSS from "ali-oss";
import { answeredFailure } from "../failure.ts";
import { Retrier, type RetrierRunOptions, type RetryOptions } from "../retrier.ts";
import { type StorageResponse, StorageTransport, type TransportOptions } from "../transport.ts";

/** Where and as whom to write. */
export interface OssOptions extends TransportOptions, RetryOptions {
  /** Of the region; the bucket is put in front of its host. @example "https://oss-cn-hangzhou.aliyuncs.com" */
  readonly endpoint: string;
  readonly bucket: string;
  /** @example "cn-hangzhou" */
  readonly region: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
}

export interface OssRepeatOptions extends RetrierRunOptions {
  /** Statuses that are answers here, not failures. */
  readonly accept?: readonly number[];
}

type Sdk = typeof OSS;
type HttpParams = Parameters<ConstructorParameters<Sdk>[0]["urllib"]["request"]>[1];

/** What the SDK's one request of an operation met; its own errors report less. */
interface Exchange {
  response?: StorageResponse;
  broken?: unknown;
}

/** Operations on one bucket through Alibaba's SDK, repeated while it makes sense. */
export class OssClient {
  readonly #options: OssOptions;
  readonly #transport: StorageTransport;
  readonly #retrier: Retrier;
  #sdk: Promise<Sdk> | null = null;

  constructor(options: OssOptions) {
    const { clock, attempts, accessKeyId, accessKeySecret } = options;
    this.#options = options;
    this.#transport = new StorageTransport(options);
    this.#retrier = new Retrier({ clock, attempts, secrets: [accessKeySecret, accessKeyId] });
  }

  /**
   * Carries out one operation of the SDK, which makes exactly one request.
   *
   * @param operation reported the number of the attempt, from 1
   * @returns null when the response's status was one of `accept`
   */
  run<T>(
    operation: (sdk: OSS, attempt: number) => Promise<T>,
    { accept, ...repeat }: OssRepeatOptions = {},
  ): Promise<T | null> {
    return this.#retrier.run(async (attempt) => {
      const exchange: Exchange = {};
      const sdk = await this.#open(exchange, repeat.signal);
      try {
        return await operation(sdk, attempt);
      } catch (error) {
        if (exchange.broken !== undefined) throw exchange.broken;
        const { response } = exchange;
        if (response === undefined || response.status < 300) throw error;
        if (accept?.includes(response.status)) return null;
        throw answeredFailure(response, this.#retrier.clock.now());
      }
    }, repeat);
  }

  /** A client for one operation: it notes what its request meets and hears the operation's signal. */
  async #open(exchange: Exchange, signal: AbortSignal | undefined): Promise<OSS> {
    // The SDK costs time and memory: it is loaded by the first run that needs it.
    this.#sdk ??= import("ali-oss").then((module) => module.default);
    const Client = await this.#sdk;
    const { endpoint, bucket, region, accessKeyId, accessKeySecret } = this.#options;
    return new Client({
      ...{ endpoint, bucket, accessKeyId, accessKeySecret },
      region: `oss-${region}`,
      authorizationV4: true,
      urllib: { request: (url, params) => this.#request(url, params, exchange, signal) },
    });
  }

  async #request(url: string, params: HttpParams, exchange: Exchange, signal: AbortSignal | undefined) {
    const { method, content, stream } = params;
    const headers = Object.fromEntries(
      Object.entries(params.headers).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, String(value)]],
      ),
    );
    try {
      const body = stream ?? bytesOf(content);
      const response = await this.#transport.exchange({ method, url: new URL(url), headers, body, signal });
      exchange.response = response;
      const { status, headers: answered, text } = response;
      return { status, headers: answered, data: Buffer.from(text), res: { status, headers: answered } };
    } catch (error) {
      exchange.broken = error;
      throw error;
    }
  }
}

const bytesOf = (content: string | Buffer | undefined): readonly Uint8Array[] | Readable =>
  content === undefined ? [] : [Buffer.from(content)];
