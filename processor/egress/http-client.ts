import { isUtf8 } from "node:buffer";
import http, { type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import https from "node:https";
import { type Duplex, PassThrough, pipeline, type Readable } from "node:stream";
import { Fault, SourceFault } from "../fault.ts";
import type { Stopwatch } from "../stopwatch.ts";
import { ReadMemory } from "./connection/read-memory.ts";
import { refuseUpgrade } from "./connection/refuse-upgrade.ts";
import { ConnectionGate, type Lease } from "./connection-gate.ts";
import { compressionsOf, decompressed } from "./content-encoding.ts";
import { SourceCookies } from "./cookies.ts";
import { HostLimits } from "./host-limits.ts";
import type { EgressPolicy } from "./policy.ts";
import { lowerCased } from "./source-headers.ts";
import { REAL_TICKER, type SpeedLimit, type Ticker } from "./speed-watch.ts";

export interface OpenOptions {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of redirects; 0 returns the redirect itself. */
  readonly maxRedirects?: number;
  /** Longest time without a byte from the source, in milliseconds; pauses of the reader do not count. */
  readonly timeoutMs?: number;
  /**
   * Each chunk of the body may only be used during its `data` event, because its memory is reused. Such a body
   * fails with the connection's own error, see {@link networkFault}.
   */
  readonly borrowsChunks?: boolean;
  /** Called before and after the request waits for a place at a host that serves few connections. */
  readonly onWait?: (waits: boolean) => void;
}

export interface OpenedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Must be read or destroyed. Fails with a Fault, or with the signal's reason, unless its chunks are borrowed. */
  readonly body: Readable;
  /** The final URL, after redirects. */
  readonly url: string;
  /** The body was compressed, although it should not be, and has been decompressed: lengths and ranges are those of other bytes. */
  readonly wasCompressed: boolean;
}

/** Shared state and limits of a processor's clients. */
export interface HttpClientOptions {
  /** Known limits of hosts. Default: none, and only for this client. */
  readonly limits?: HostLimits;
  /** Minimum speed of a source. Default {@link DEFAULT_SPEED}. */
  readonly speed?: SpeedLimit;
  readonly ticker?: Ticker;
  /** Counts the time in which requests wait for a place at a host. */
  readonly waits?: Stopwatch;
  /** Default: none so far. */
  readonly cookies?: SourceCookies;
}

export const DEFAULT_SPEED: SpeedLimit = { stallMs: 60_000, minBytesPerSecond: 256 };

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const BODY_BUFFER_BYTES = 1 << 20;
const DEFAULT_TIMEOUT_MS = 30_000;
/** A server that handles one connection at a time leaves the second one without a response. */
const NEIGHBOUR_TIMEOUT_MS = 10_000;
/** Statuses by which servers refuse too many connections. */
const TOO_MANY: ReadonlySet<number> = new Set([421, 429, 503, 509]);

/** Fetches from sources. Every connection, including those of redirects, is subject to the policy. */
export class HttpClient {
  /** Known limits of hosts. */
  readonly limits: HostLimits;
  /** Minimum speed of a source. */
  readonly speed: SpeedLimit;
  readonly ticker: Ticker;
  /** Cookies that sources set, and those of the extraction. */
  readonly cookies: SourceCookies;
  readonly #policy: EgressPolicy;
  readonly #upstreamProxy: string | undefined;
  readonly #gate: ConnectionGate;

  /** @param upstreamProxy the operator's proxy, when this run uses one */
  constructor(policy: EgressPolicy, upstreamProxy?: string, options: HttpClientOptions = {}) {
    this.#policy = policy;
    this.#upstreamProxy = upstreamProxy;
    this.limits = options.limits ?? new HostLimits();
    this.speed = options.speed ?? DEFAULT_SPEED;
    this.ticker = options.ticker ?? REAL_TICKER;
    this.cookies = options.cookies ?? new SourceCookies();
    this.#gate = new ConnectionGate(this.limits, options.waits);
  }

  /** From now on, one connection at a time to any host. */
  useSingleConnections(): void {
    this.#gate.isSingle = true;
  }

  /**
   * Requests `url` and follows redirects; any status is a response, including 4xx and 5xx. A compressed body is
   * decompressed, and one that only claims to be compressed is not changed.
   *
   * @throws Fault `network` (refused, reset, silent, too many redirects), `egress_blocked` (a hop is not public),
   *   or the signal's reason
   * @example const { status, body } = await client.open("https://example.org/a.mp4", { headers: { range: "bytes=0-99" } })
   */
  async open(url: string, options: OpenOptions = {}): Promise<OpenedResponse> {
    const maxRedirects = options.maxRedirects ?? 10;
    let target = parse(url);
    let headers: Record<string, string> = {
      "accept-encoding": "identity",
      ...lowerCased(options.headers ?? {}),
    };
    for (let hop = 0; ; hop++) {
      const response = await this.#ask(target, headers, options);
      const status = response.statusCode ?? 0;
      const location = REDIRECTS.has(status) ? response.headers.location : undefined;
      if (location === undefined || maxRedirects === 0) {
        const read = await readable(response, target, options);
        return { status, headers: response.headers, url: target.href, ...read };
      }
      response.destroy();
      if (hop === maxRedirects)
        throw new SourceFault("network", `more than ${maxRedirects} redirects`, { transient: false });
      const next = parse(fromRawBytes(location), target);
      if (next.origin !== target.origin) headers = withoutSecrets(headers);
      target = next;
    }
  }

  /** One request, repeated if the host refused it because of too many connections. */
  async #ask(url: URL, headers: Readonly<Record<string, string>>, options: OpenOptions) {
    for (;;) {
      const lease = await this.#gate.enter(url.href, options.signal, options.onWait);
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      const firstByteMs = lease.others > 0 ? Math.min(NEIGHBOUR_TIMEOUT_MS, timeoutMs) : timeoutMs;
      const sent = { ...headers };
      const cookie = this.cookies.headerFor(url.href, headers.cookie);
      if (cookie !== undefined) sent.cookie = cookie;
      try {
        const response = await this.#request(url, sent, { ...options, timeoutMs }, firstByteMs);
        const isTooMany = TOO_MANY.has(response.statusCode ?? 0) && this.#gate.wasTooMany(url.href, lease);
        // a host that states how long to wait gets that time
        if (!isTooMany || response.headers["retry-after"] !== undefined) {
          this.cookies.accept(response.headers["set-cookie"] ?? [], url.href);
          return held(response, lease);
        }
        response.destroy();
      } catch (error) {
        lease.leave();
        const isRefusal = error instanceof Fault && error.code === "network";
        if (options.signal?.aborted || !isRefusal || !this.#gate.wasTooMany(url.href, lease)) throw error;
      }
      lease.leave();
    }
  }

  #request(
    url: URL,
    headers: Readonly<Record<string, string>>,
    { method = "GET", signal, timeoutMs = DEFAULT_TIMEOUT_MS, borrowsChunks = false }: OpenOptions,
    headersMs: number,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(reasonOf(error, signal, url));
      if (signal?.aborted) return reject(signal.reason);
      const protocol = url.protocol === "https:" ? "https:" : "http:";
      const transport = protocol === "https:" ? https : http;
      const agent = this.#policy.agentFor(protocol, this.#upstreamProxy);
      const request = transport.request(url, {
        ...{ method, headers, agent, ...(signal ? { signal } : {}) },
        // some servers end the lines of their headers with LF alone, or send both kinds of length
        insecureHTTPParser: true,
      });
      const untilHeaders = setTimeout(() => request.destroy(silence(headersMs)), headersMs);
      request.once("error", fail);
      refuseUpgrade(request);
      request.once("close", () => clearTimeout(untilHeaders));
      request.once("response", (response) => {
        clearTimeout(untilHeaders);
        request.off("error", fail).on("error", ignore);
        request.setTimeout(timeoutMs, () => {
          if (isWaitingForReader(response)) request.setTimeout(timeoutMs);
          else response.destroy(silence(timeoutMs));
        });
        resolve(response.on("error", ignore));
      });
      if (borrowsChunks && method === "GET") ReadMemory.lendMemoryTo(request);
      request.end();
    });
  }
}

/** A body gave its place to another request: its reader requests the rest when it needs it. */
export class YieldedError extends SourceFault {
  constructor() {
    super("network", "another request needed the only connection");
  }
}

/** Keeps a place for a response until its body ends. */
function held(response: IncomingMessage, lease: Lease): IncomingMessage {
  lease.holder = {
    isIdle: () => response.readableFlowing === null || isWaitingForReader(response),
    yieldPlace: () => response.destroy(new YieldedError()),
  };
  if (response.destroyed) lease.leave();
  return response.once("close", lease.leave);
}

async function readable(
  response: IncomingMessage,
  url: URL,
  { signal, method, borrowsChunks = false }: OpenOptions,
): Promise<Pick<OpenedResponse, "body" | "wasCompressed">> {
  const compressions = method === "HEAD" ? [] : compressionsOf(response.headers["content-encoding"]);
  // the rest of a file cannot be recognised by its first bytes; ranges are only requested of known files
  const isMiddle = /^\s*bytes[ =]+[1-9]/i.test(response.headers["content-range"] ?? "");
  if (compressions.length === 0 || isMiddle) {
    const body = borrowsChunks ? response : bodyOf([response], signal, url);
    return { body, wasCompressed: false };
  }
  try {
    const { stages, isCompressed } = await decompressed(response, compressions);
    return { body: bodyOf(stages, signal, url), wasCompressed: isCompressed };
  } catch (error) {
    throw reasonOf(error instanceof Error ? error : new Error(String(error)), signal, url);
  }
}

/** The body, with its failures as faults; piped, so that a slow reader slows the source down. */
function bodyOf(stages: readonly Readable[], signal: AbortSignal | undefined, url: URL): Readable {
  const body = new PassThrough({
    highWaterMark: BODY_BUFFER_BYTES,
    destroy: (error, done) => done(error && reasonOf(error, signal, url)),
  });
  pipeline([...stages, body] as Duplex[], ignore);
  return body;
}

const silence = (ms: number): Error => new Error(`no byte for ${ms} ms`);

function isWaitingForReader(response: IncomingMessage): boolean {
  // for a loop over the chunks, the stream also counts as paused while the loop waits for the next one
  const isPaused = response.isPaused() && response.listenerCount("readable") === 0;
  return isPaused || response.readableLength > 0;
}

function reasonOf(error: Error, signal: AbortSignal | undefined, url: URL): Error {
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : error;
  return networkFault(error, url);
}

/** A connection's failure as a fault. */
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

/** A header's text from its bytes: some servers send UTF-8, which Node reads as Latin-1. */
function fromRawBytes(header: string): string {
  const bytes = Buffer.from(header, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : header;
}

/** Headers that must not be sent to another origin. */
function withoutSecrets(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { cookie: _cookie, authorization: _authorization, ...others } = headers;
  return others;
}

function ignore(): void {}
