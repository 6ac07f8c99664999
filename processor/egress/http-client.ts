import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { PassThrough, pipeline, type Readable } from "node:stream";
import { Fault, SourceFault } from "../fault.ts";
import type { EgressPolicy } from "./policy.ts";
import { ReadMemory } from "./read-memory.ts";

export interface OpenOptions {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Redirects followed before the chain counts as broken; 0 returns the redirect itself. */
  readonly maxRedirects?: number;
  /** Longest time without a byte from the source, in milliseconds; a reader that pauses is not counted. */
  readonly timeoutMs?: number;
  /**
   * The reader is done with each chunk of the body when its `data` event ends: its memory is used again. Such a body
   * fails with the connection's own error, see {@link networkFault}.
   */
  readonly borrowsChunks?: boolean;
}

export interface OpenedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read or destroyed. Fails with a Fault, or with the signal's reason, unless its chunks are borrowed. */
  readonly body: Readable;
  /** Where the response came from, after redirects. */
  readonly url: string;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const BODY_BUFFER_BYTES = 1 << 20;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Fetches from sources. Every connection, redirects included, goes where the policy lets it. */
export class HttpClient {
  readonly #policy: EgressPolicy;
  readonly #upstreamProxy: string | undefined;

  /** @param upstreamProxy the operator's HTTP proxy, when this run uses one */
  constructor(policy: EgressPolicy, upstreamProxy?: string) {
    this.#policy = policy;
    this.#upstreamProxy = upstreamProxy;
  }

  /**
   * Requests `url` and follows redirects; any status is a response, 4xx and 5xx too.
   *
   * @throws Fault `network` (refused, reset, silent, too many redirects), `egress_blocked` (a hop is not public),
   *   or the signal's reason
   * @example const { status, body } = await client.open("https://example.org/a.mp4", { headers: { range: "bytes=0-99" } })
   */
  async open(url: string, options: OpenOptions = {}): Promise<OpenedResponse> {
    const maxRedirects = options.maxRedirects ?? 10;
    let target = parse(url);
    let headers: Record<string, string> = { "accept-encoding": "identity", ...lowerCased(options.headers) };
    for (let hop = 0; ; hop++) {
      const { response, body } = await this.#request(target, headers, options);
      const status = response.statusCode ?? 0;
      const location = REDIRECTS.has(status) ? response.headers.location : undefined;
      if (location === undefined || maxRedirects === 0) {
        return { status, headers: response.headers, body, url: target.href };
      }
      body.on("error", ignore).destroy();
      if (hop === maxRedirects)
        throw new SourceFault("network", `more than ${maxRedirects} redirects`, { transient: false });
      const next = parse(location, target);
      if (next.origin !== target.origin) headers = withoutSecrets(headers);
      target = next;
    }
  }

  #request(
    url: URL,
    headers: Readonly<Record<string, string>>,
    { method = "GET", signal, timeoutMs = DEFAULT_TIMEOUT_MS, borrowsChunks = false }: OpenOptions,
  ): Promise<{ response: IncomingMessage; body: Readable }> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(reasonOf(error, signal, url));
      if (signal?.aborted) return reject(signal.reason);
      const protocol = url.protocol === "https:" ? "https:" : "http:";
      const transport = protocol === "https:" ? https : http;
      const agent = this.#policy.agentFor(protocol, this.#upstreamProxy);
      const request = transport.request(url, { method, headers, agent, ...(signal ? { signal } : {}) });
      const silence = new Error(`no byte for ${timeoutMs} ms`);
      const untilHeaders = setTimeout(() => request.destroy(silence), timeoutMs);
      request.once("error", fail);
      request.once("close", () => clearTimeout(untilHeaders));
      request.once("response", (response) => {
        clearTimeout(untilHeaders);
        request.off("error", fail).on("error", ignore);
        request.setTimeout(timeoutMs, () => {
          if (isWaitingForReader(response)) request.setTimeout(timeoutMs);
          else response.destroy(silence);
        });
        const body = borrowsChunks ? response.on("error", ignore) : bodyOf(response, signal, url);
        resolve({ response, body });
      });
      if (borrowsChunks && method === "GET") ReadMemory.lendMemoryTo(request);
      request.end();
    });
  }
}

/** The body with its failures named; pipes, so a slow reader slows the source down. */
function bodyOf(response: IncomingMessage, signal: AbortSignal | undefined, url: URL): Readable {
  const body = new PassThrough({
    highWaterMark: BODY_BUFFER_BYTES,
    destroy: (error, done) => done(error && reasonOf(error, signal, url)),
  });
  pipeline(response, body, ignore);
  return body;
}

function isWaitingForReader(response: IncomingMessage): boolean {
  return response.isPaused() || response.readableLength > 0;
}

function reasonOf(error: Error, signal: AbortSignal | undefined, url: URL): Error {
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : error;
  return networkFault(error, url);
}

/** A connection's failure in our own terms. */
export function networkFault(error: Error, { host }: URL): Fault {
  return error instanceof Fault
    ? error
    : new SourceFault("network", `${host}: ${error.message}`, { cause: error });
}

function parse(url: string, base?: URL): URL {
  if (!URL.canParse(url, base?.href)) throw new SourceFault("network", "not a URL", { transient: false });
  const parsed = new URL(url, base?.href);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new SourceFault("egress_blocked", `scheme ${parsed.protocol} is not dialled`);
  }
  return parsed;
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** What must not travel to another origin. */
function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { cookie: _cookie, authorization: _authorization, ...others } = headers;
  return others;
}

function ignore(): void {}
