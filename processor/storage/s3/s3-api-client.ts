import type { BucketAddress } from "../../../schema/storage/address.ts";
import type { Query } from "../../../schema/storage/object-path.ts";
import { hasXmlElement } from "../../../schema/storage/xml-answer.ts";
import { answeredFailure } from "../failure.ts";
import { objectUrl } from "../object-url.ts";
import type { Retrier } from "../retrier.ts";
import type { StorageResponse, StorageTransport } from "../transport.ts";

/** A bucket behind the XML interface that S3 made common. */
export interface XmlBucket {
  readonly address: BucketAddress;
  /** Adds whatever proves who asks. */
  readonly authorize: (request: SignedRequest) => Promise<AuthorizedRequest>;
  readonly transport: StorageTransport;
  readonly retrier: Retrier;
}

/** A request as signatures cover it. */
export interface SignedRequest {
  readonly method: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: Query;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Exactly as it is sent. */
  readonly url: string;
}

export interface AuthorizedRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** Where the proof stands in the query. */
  readonly url?: string;
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
  /** Throws when a response shows that the request did not do what it should; it is repeated then. */
  readonly check?: (response: StorageResponse) => void;
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
    query = {},
    headers = {},
    body,
    signal,
    accept,
    check,
  }: XmlRequest): Promise<StorageResponse> {
    const { address, authorize, transport, retrier } = this.#bucket;
    const url = objectUrl(address, key, query);
    const authorized = await authorize({ method, key, query, headers, url });
    const response = await transport.exchange({
      ...{ method, headers: authorized.headers, body, signal },
      url: new URL(authorized.url ?? url),
    });
    const accepted = response.status < 300 || accept?.includes(response.status);
    // the completion of an upload may promise 200 and then fail in the body
    if (accepted && !(response.status === 200 && hasXmlElement(response.text, "Error"))) {
      if (response.status < 300) check?.(response);
      return response;
    }
    throw answeredFailure(response, retrier.clock.now());
  }
}
