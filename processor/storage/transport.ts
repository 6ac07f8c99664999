import http from "node:http";
import https from "node:https";
import { pipeline, type Readable } from "node:stream";
import { refuseUpgrade } from "../egress/connection/refuse-upgrade.ts";
import { SpeedWatch, type Ticker } from "../egress/speed-watch.ts";

/** How connections to a storage are made. */
export interface TransportOptions {
  /** Keep-alive agent for a protocol; it checks and pins the addresses. */
  readonly agentFor: (protocol: "http:" | "https:") => http.Agent;
  /** Time without progress after which a request counts as lost, in milliseconds. Default 60,000. */
  readonly idleMs?: number | undefined;
  readonly ticker?: Ticker | undefined;
}

export interface StorageRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Chunks are sent as they are, never joined; for a stream, the headers must contain the length. */
  readonly body?: readonly Uint8Array[] | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StorageResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

/** A request made no progress for too long. */
export class StorageSilentError extends Error {
  override readonly name = "StorageSilent";
  /** For a storage that answered no other request meanwhile: it hangs, and another attempt would take as long again. */
  readonly code: "STORAGE_SILENT" | "CONNECTION_SILENT";

  constructor(idleMs: number, isStorage: boolean) {
    super(`no progress for ${idleMs / 1000} s`);
    this.code = isStorage ? "STORAGE_SILENT" : "CONNECTION_SILENT";
  }
}

/** No response that is read whole comes near this size; a larger one is not from a storage. */
const MAX_RESPONSE_BYTES = 2 << 20;
/**
 * Nor does it have as many tags, which are what the parsers of the SDKs spend time on: a page of a listing has some
 * 20,000, a list of 10,000 blocks 60,000.
 */
const MAX_ANSWER_TAGS = 64_000;
/** A storage that accepts less counts as hanging. */
const MIN_BYTES_PER_SECOND = 256;
/** A storage that hangs gets this share of the time for the next request. */
const HURRY = 6;
/** Bytes are counted when the operating system has accepted them, in pieces of this size at first. */
const SMALLEST_PIECE_BYTES = 16 << 10;
/** Pieces grow up to this size while they are accepted quickly. What is encrypted then stays in the CPU's cache. */
const LARGEST_PIECE_BYTES = 128 << 10;
/** A piece that takes longer than this is not followed by a larger one. */
const QUICK_MS = 50;
const DEFAULT_PORTS = { "http:": "80", "https:": "443" } as const;

/**
 * One exchange with a storage, never repeated and never redirected. All object stores send through it, including the
 * vendors' SDKs, so no connection is made that the agents do not allow.
 */
export class StorageTransport {
  readonly #options: TransportOptions;
  /** Responses so far: a storage that answers other requests has lost one connection, and does not hang. */
  #responses = 0;
  /** It did not answer the last request. */
  #hangs = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Opens a connection for the next request, unless one is idle, so that this request need not wait for it. Nothing is sent. If
   * it fails, the request finds out why.
   */
  connect(url: URL): void {
    const protocol = url.protocol === "https:" ? "https:" : "http:";
    const agent = this.#options.agentFor(protocol);
    const port = url.port === "" ? DEFAULT_PORTS[protocol] : url.port;
    if (Object.keys(agent.freeSockets).some((name) => name.startsWith(`${url.hostname}:${port}:`))) return;
    const request = (protocol === "https:" ? https : http).request(url, { agent });
    // an agent keeps the connection of a request that ended before it was sent
    request.on("error", () => {}).destroy();
  }

  /** @throws the connection's error, or the signal's reason */
  exchange({ method, url, headers, body = [], signal }: StorageRequest): Promise<StorageResponse> {
    const protocol = url.protocol === "https:" ? "https:" : "http:";
    const transport = protocol === "https:" ? https : http;
    const before = this.#responses;
    const configured = this.#options.idleMs ?? 60_000;
    // clean-up after a failure must not delay the report of the failure
    const idleMs = this.#hangs ? configured / HURRY : configured;
    const limit = { stallMs: idleMs, minBytesPerSecond: MIN_BYTES_PER_SECOND };
    const watch = new SpeedWatch(limit, this.#options.ticker);
    const taken = (bytes: number) => watch.add(bytes);
    const exchanged: Promise<StorageResponse> = new Promise((resolve, reject) => {
      const outgoing = transport.request(url, {
        method,
        agent: this.#options.agentFor(protocol),
        headers: Array.isArray(body) ? withLength(headers, body) : headers,
        ...(signal ? { signal } : {}),
      });
      watch.signal.addEventListener("abort", () => {
        this.#hangs = this.#responses === before;
        outgoing.destroy(new StorageSilentError(idleMs, this.#hangs));
      });
      outgoing.on("error", (error) => reject(signal?.aborted ? signal.reason : error));
      refuseUpgrade(outgoing);
      outgoing.on("response", (incoming) => {
        this.#responses++;
        this.#hangs = false;
        // whatever it says, a storage that responds does not hang
        incoming.on("data", () => taken((MIN_BYTES_PER_SECOND * idleMs) / 1000));
        readResponse(incoming)
          .finally(() => release(outgoing))
          .then(resolve, reject);
      });
      if (isStream(body)) {
        // its failure reaches the request, and so the promise
        pipeline(
          body.on("data", ({ length }: Buffer) => taken(length)),
          outgoing,
          () => {},
        );
        return;
      }
      if (protocol === "https:") sendInTurn(outgoing, body, taken);
      else sendAtOnce(outgoing, body, taken);
    });
    return exchanged.finally(() => watch.close());
  }
}

/** Sends a body with as few calls of the operating system as possible; it takes the pieces without a copy. */
function sendAtOnce(
  outgoing: http.ClientRequest,
  body: readonly Uint8Array[],
  taken: (bytes: number) => void,
): void {
  for (const chunk of body) {
    for (let at = 0; at < chunk.length; at += SMALLEST_PIECE_BYTES) {
      const piece = chunk.subarray(at, at + SMALLEST_PIECE_BYTES);
      outgoing.write(piece, () => taken(piece.length));
    }
  }
  outgoing.end();
}

/**
 * Sends a body piece by piece over TLS, each when the operating system has accepted the one before. Node would otherwise encrypt
 * all that waits at once, into as much new memory.
 */
function sendInTurn(
  outgoing: http.ClientRequest,
  body: readonly Uint8Array[],
  taken: (bytes: number) => void,
): void {
  let size = SMALLEST_PIECE_BYTES;
  let [chunk, position] = [0, 0];
  const sendNext = () => {
    while (chunk < body.length && position === body[chunk]?.length) [chunk, position] = [chunk + 1, 0];
    const piece = body[chunk]?.subarray(position, position + size);
    if (piece === undefined) return void outgoing.end();
    position += piece.length;
    const startedAt = performance.now();
    outgoing.write(piece, (error) => {
      if (error) return;
      taken(piece.length);
      const isQuick = performance.now() - startedAt < QUICK_MS;
      size = isQuick ? Math.min(LARGEST_PIECE_BYTES, size * 2) : Math.max(SMALLEST_PIECE_BYTES, size / 2);
      sendNext();
    });
  };
  sendNext();
}

/**
 * A server that answers before it has received the whole body gets no more of it: once the response is there, the
 * memory of the body may be reused for what others store.
 */
function release(outgoing: http.ClientRequest): void {
  if (!outgoing.writableFinished) outgoing.destroy();
}

const isStream = (body: readonly Uint8Array[] | Readable): body is Readable => !Array.isArray(body);

function withLength(headers: Readonly<Record<string, string>>, body: readonly Uint8Array[]) {
  if (Object.keys(headers).some((name) => name.toLowerCase() === "content-length")) return headers;
  return { ...headers, "content-length": String(body.reduce((sum, chunk) => sum + chunk.byteLength, 0)) };
}

async function readResponse(incoming: http.IncomingMessage): Promise<StorageResponse> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming) {
    length += chunk.length;
    if (length > MAX_RESPONSE_BYTES) throw new Error("answer too large");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  let tags = 0;
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at + 1)) {
    if (++tags > MAX_ANSWER_TAGS) throw new Error("answer too large");
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
}
