import http from "node:http";
import https from "node:https";
import { AwsV4Signer } from "aws4fetch";
import { Fault } from "../fault.ts";
import { backoffMs, parseRetryAfter, REAL_CLOCK, type RetryClock } from "../retry.ts";
import { type S3Failure, s3Failure } from "./s3-failure.ts";

/** Where and as whom to write. */
export interface S3Options {
  /** Scheme, host and an optional path in front of the bucket. @example "https://s3.eu-central-1.amazonaws.com" */
  readonly endpoint: string;
  readonly bucket: string;
  /** @example "eu-central-1", or "auto" for R2 */
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** `path`: `endpoint/bucket/key`; `virtual`: `bucket.endpoint/key`. */
  readonly addressing: "path" | "virtual";
  /** Keep-alive agent for a protocol; it judges and pins what is dialled. */
  readonly agentFor: (protocol: "http:" | "https:") => http.Agent;
  readonly clock?: RetryClock;
  /** Tries of one request, the first included. Default 6. */
  readonly attempts?: number;
  /** Silence on the connection after which a request counts as lost. Default 60,000. */
  readonly idleMs?: number;
}

export interface S3Request {
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

export interface S3Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** True when an earlier try of this request may have reached the server. */
  readonly repeated: boolean;
}

const BACKOFF = { firstMs: 200, maxMs: 10_000 };
const MAX_RETRY_AFTER_MS = 60_000;
/** No answer that is read whole comes near this; a larger one is not an S3 server's. */
const MAX_ANSWER_BYTES = 4 << 20;

/** Signed requests to one bucket, repeated while it makes sense. Knows HTTP and SigV4, not what uploads are. */
export class S3Client {
  readonly #options: S3Options;
  readonly #clock: RetryClock;
  readonly #signingKeys = new Map<string, ArrayBuffer>();

  constructor(options: S3Options) {
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /** @throws Fault as {@link s3Failure} maps it, or the signal's reason */
  async send(request: S3Request): Promise<S3Answer> {
    const attempts = this.#options.attempts ?? 6;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#try(request);
      if ("status" in outcome) return { ...outcome, repeated: attempt > 1 };
      if (!outcome.retryable || attempt >= attempts) throw this.#fault(outcome);
      request.onRetry?.();
      const wished = Math.min(MAX_RETRY_AFTER_MS, outcome.retryAfterMs ?? 0);
      const delay = Math.max(wished, backoffMs(attempt, BACKOFF, this.#clock.random));
      await this.#clock.sleep(delay, request.signal);
    }
  }

  /** A URL that carries its own signature for `seconds`, at most 7 days. */
  async presign(key: string, seconds: number, query: Readonly<Record<string, string>>): Promise<string> {
    const expires = Math.min(604_800, Math.max(1, Math.floor(seconds)));
    const url = this.#url(key, { ...query, "X-Amz-Expires": String(expires) });
    const signed = await this.#signer("GET", url, {}, true).sign();
    return signed.url.href.replaceAll("+", "%20");
  }

  async #try(request: S3Request): Promise<Omit<S3Answer, "repeated"> | S3Failure> {
    request.signal?.throwIfAborted();
    try {
      const answer = await this.#exchange(request);
      const accepted = answer.status < 300 || request.accept?.includes(answer.status);
      // CompleteMultipartUpload may promise 200 and then fail in the body
      if (accepted && !(answer.status === 200 && /<Error[\s>]/.test(answer.text))) return answer;
      const wished = parseRetryAfter(answer.headers["retry-after"], this.#clock.now());
      return s3Failure(answer.status, answer.text, wished);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof Fault) throw error;
      return { code: "upload_failed", detail: networkDetail(error), retryable: true };
    }
  }

  async #exchange(request: S3Request): Promise<Omit<S3Answer, "repeated">> {
    const url = this.#url(request.key, request.query ?? {});
    const signed = await this.#signer(request.method, url, request.headers ?? {}, false).sign();
    const body = request.body ?? [];
    const length = body.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const transport = signed.url.protocol === "https:" ? https : http;
    return await new Promise((resolve, reject) => {
      const outgoing = transport.request(signed.url, {
        method: request.method,
        agent: this.#options.agentFor(signed.url.protocol === "https:" ? "https:" : "http:"),
        headers: { ...Object.fromEntries(signed.headers), "content-length": length },
        ...(request.signal ? { signal: request.signal } : {}),
      });
      outgoing.setTimeout(this.#options.idleMs ?? 60_000, () => outgoing.destroy(new Error("no answer")));
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => readAnswer(incoming).then(resolve, reject));
      for (const chunk of body) outgoing.write(chunk);
      outgoing.end();
    });
  }

  #signer(method: string, url: string, headers: Readonly<Record<string, string>>, signQuery: boolean) {
    const { accessKeyId, secretAccessKey, sessionToken, region } = this.#options;
    return new AwsV4Signer({
      method,
      url,
      headers,
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

  #url(key: string, query: Readonly<Record<string, string>>): string {
    const { endpoint, bucket, addressing } = this.#options;
    const base = new URL(endpoint);
    const folder = base.pathname.replace(/\/+$/, "");
    const host = addressing === "virtual" ? `${bucket}.${base.host}` : base.host;
    const bucketPath = addressing === "virtual" ? "" : `/${encodeSegment(bucket)}`;
    // a space as `+` is a form's habit that not every server shares; a literal plus is already %2B here
    const search = new URLSearchParams(query).toString().replaceAll("+", "%20");
    return `${base.protocol}//${host}${folder}${bucketPath}${encodeKey(key)}${search ? `?${search}` : ""}`;
  }

  #fault(failure: S3Failure): Fault {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#options;
    const secrets = [secretAccessKey, accessKeyId, sessionToken ?? ""].filter((secret) => secret !== "");
    const detail = secrets.reduce((text, secret) => text.replaceAll(secret, "***"), failure.detail);
    return new Fault(failure.code, detail);
  }
}

async function readAnswer(incoming: http.IncomingMessage): Promise<Omit<S3Answer, "repeated">> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw new Error("answer too large");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
}

function encodeKey(key: string): string {
  if (key === "") return "/";
  const segments = key.split("/");
  // URL parsers collapse these, so the request would name another object than the signature
  if (segments.some((segment) => segment === "." || segment === "..")) {
    throw new Fault("internal", "an object key has a dot segment");
  }
  return `/${segments.map(encodeSegment).join("/")}`;
}

/** Percent-encodes as SigV4 does; a literal `+` left in a path would be signed as a space. */
const encodeSegment = (segment: string): string =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** The system's error code where there is one; never the URL or the headers. */
function networkDetail(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return `the storage could not be reached${code ? ` (${code})` : ""}`;
}
