import type { BucketAddress } from "../../../schema/storage/address.ts";
import type { Query } from "../../../schema/storage/object-path.ts";
import type { RequestHead } from "../../../schema/storage/signing/request-head.ts";
import { hasXmlElement } from "../../../schema/storage/xml-answer.ts";
import { answeredFailure } from "../failure.ts";
import { objectUrl } from "../object-url.ts";
import type { Retrier } from "../retrier.ts";
import type { StorageResponse, StorageTransport } from "../transport.ts";

/** A bucket behind the XML interface that S3 made common. */
export interface XmlBucket {
  readonly address: BucketAddress;
  /** The headers of a request, with whatever proves who asks. */
  readonly authorize: (request: RequestHead) => Promise<Readonly<Record<string, string>>>;
  readonly transport: StorageTransport;
  readonly retrier: Retrier;
}

export interface XmlRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Uint8Array[];
  readonly signal?: AbortSignal | undefined;
  /** Called before each repetition. */
  readonly onRetry?: () => void;
  /** Statuses that are answers here, not failures. */
  readonly accept?: readonly number[];
}

export interface S3ApiResponse extends StorageResponse {
  /** True when an earlier try of this request may have reached the server. */
  readonly repeated: boolean;
}

/** Authorised requests to one bucket, repeated while it makes sense. Knows the interface, not what uploads are. */
export class S3ApiClient {
  readonly #bucket: XmlBucket;

  constructor(bucket: XmlBucket) {
    this.#bucket = bucket;
  }

  /** @throws Fault as {@link answeredFailure} maps it, or the signal's reason */
  send(request: XmlRequest): Promise<S3ApiResponse> {
    return this.#bucket.retrier.run(
      async (attempt) => ({ ...(await this.#try(request)), repeated: attempt > 1 }),
      request,
    );
  }

  async #try({
    method,
    key,
    query,
    headers = {},
    body,
    signal,
    accept,
  }: XmlRequest): Promise<StorageResponse> {
    const { address, authorize, transport, retrier } = this.#bucket;
    const url = objectUrl(address, key, query);
    const authorized = await authorize({ method, url, headers });
    const response = await transport.exchange({
      ...{ method, headers: authorized, body, signal },
      url: new URL(url),
    });
    const accepted = response.status < 300 || accept?.includes(response.status);
    // the completion of an upload may promise 200 and then fail in the body
    if (accepted && !(response.status === 200 && hasXmlElement(response.text, "Error"))) return response;
    throw answeredFailure(response, retrier.clock.now());
  }
}
