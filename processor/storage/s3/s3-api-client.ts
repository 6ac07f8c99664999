import type { BucketAddress } from "../../../schema/storage/address.ts";
import type { Query } from "../../../schema/storage/object-path.ts";
import { permissionFor } from "../../../schema/storage/permissions.ts";
import { hasXmlElement } from "../../../schema/storage/xml-answer.ts";
import { answeredFailure } from "../failure.ts";
import { objectUrl } from "../object-url.ts";
import type { Retrier } from "../retrier.ts";
import type { StorageResponse, StorageTransport } from "../transport.ts";

/** A bucket behind the XML interface that S3 made common. */
export interface XmlBucket {
  readonly provider: "s3" | "gcs" | "oss";
  readonly address: BucketAddress;
  /** Adds the authorisation. */
  readonly authorize: (request: SignedRequest) => Promise<AuthorizedRequest>;
  readonly transport: StorageTransport;
  readonly retrier: Retrier;
}

/** The parts of a request that a signature covers. */
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
  /** The URL, if the authorisation is in its query. */
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
  /** Statuses that are valid responses here, not failures. */
  readonly accept?: readonly number[];
  /** Thrown when a response shows that the request did not do what it should; then it is repeated. */
  readonly check?: (response: StorageResponse) => void;
}

export interface S3ApiResponse extends StorageResponse {
  /** True when an earlier attempt of this request may have reached the server. */
  readonly repeated: boolean;
}

/** Authorised requests to one bucket, retried while it makes sense. Knows the interface, not what uploads are. */
export class S3ApiClient {
  readonly #bucket: XmlBucket;

  constructor(bucket: XmlBucket) {
    this.#bucket = bucket;
  }

  /** Opens a connection ahead of the first request, as {@link StorageTransport.connect} does. */
  connect(): void {
    const { address, transport } = this.#bucket;
    transport.connect(new URL(objectUrl(address, "")));
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
    const { provider, address, authorize, transport, retrier } = this.#bucket;
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
    const permission = permissionFor(provider, { method, key, query });
    throw answeredFailure(response, retrier.clock.now(), permission);
  }
}
