import { parseRetryAfter } from "../../../schema/retry-after.ts";
import { hasXmlElement } from "../../../schema/storage/xml-answer.ts";
import { withoutTrailing } from "../../../schema/text.ts";
import { encodeKey, encodeSegment } from "../encode-key.ts";
import { StorageFailedError } from "../failure.ts";
import type { Retrier } from "../retrier.ts";
import type { StorageResponse, StorageTransport } from "../transport.ts";
import { s3Failure } from "./s3-failure.ts";

/** A bucket behind the XML interface that S3 made common. */
export interface XmlBucket {
  /** Scheme, host and an optional path in front of the bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  /** `path`: `endpoint/bucket/key`; `virtual`: `bucket.endpoint/key`. */
  readonly addressing: "path" | "virtual";
  /** The final URL and headers of a request, with whatever proves who asks. */
  readonly authorize: (request: XmlHead) => Promise<{ url: URL; headers: Record<string, string> }>;
  readonly transport: StorageTransport;
  readonly retrier: Retrier;
}

/** A request without its body. */
export interface XmlHead {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface XmlRequest {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
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

  /** @throws Fault as {@link s3Failure} maps it, or the signal's reason */
  send(request: XmlRequest): Promise<S3ApiResponse> {
    return this.#bucket.retrier.run(
      async (attempt) => ({ ...(await this.#try(request)), repeated: attempt > 1 }),
      request,
    );
  }

  /** The URL of an object, or of the bucket for an empty key. */
  url(key: string, query: Readonly<Record<string, string>> = {}): string {
    const { endpoint, bucket, addressing } = this.#bucket;
    const base = new URL(endpoint);
    const folder = withoutTrailing(base.pathname, "/");
    const host = addressing === "virtual" ? `${bucket}.${base.host}` : base.host;
    const bucketPath = addressing === "virtual" ? "" : `/${encodeSegment(bucket)}`;
    // a space as `+` is a form's habit that not every server shares; a literal plus is already %2B here
    const search = new URLSearchParams(query).toString().replaceAll("+", "%20");
    return `${base.protocol}//${host}${folder}${bucketPath}${encodeKey(key)}${search ? `?${search}` : ""}`;
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
    const { authorize, transport, retrier } = this.#bucket;
    const authorized = await authorize({ method, url: this.url(key, query), headers });
    const response = await transport.exchange({ method, ...authorized, body, signal });
    const accepted = response.status < 300 || accept?.includes(response.status);
    // the completion of an upload may promise 200 and then fail in the body
    if (accepted && !(response.status === 200 && hasXmlElement(response.text, "Error"))) return response;
    const requested = parseRetryAfter(response.headers["retry-after"], retrier.clock.now());
    throw new StorageFailedError(s3Failure(response.status, response.text, requested));
  }
}
