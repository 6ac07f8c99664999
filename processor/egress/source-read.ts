import type { IncomingHttpHeaders } from "node:http";
import { addAbortSignal, type Readable } from "node:stream";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import { Fault, ServiceFault, SourceFault } from "../fault.ts";
import { backoffMs, REAL_CLOCK, type RetryClock } from "../retry.ts";
import { ReadMemory } from "./connection/read-memory.ts";
import { type HttpClient, networkFault, type OpenedResponse, YieldedError } from "./http-client.ts";
import { headersFor } from "./source-headers.ts";
import { SpeedWatch } from "./speed-watch.ts";

/** Bytes `start` (inclusive) to `end` (exclusive); without `end`, to the end of the resource. */
export interface ByteSpan {
  readonly start: number;
  readonly end?: number;
}

/** Options of all reads of one resource. */
export interface SourceRequest {
  readonly url: string;
  /** The original address, if `url` is the one that it redirected to: used again if `url` refuses. */
  readonly home?: string | undefined;
  /** Sent with every request: cookies, referer, user agent. Lower-case names override ours, except for the range. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called before each retry. */
  readonly onRetry?: () => void;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  readonly clock?: RetryClock;
}

/** A response whose body is being read. */
export interface OpenedSpan {
  /** 206: exactly the requested span; 200: the whole resource, whatever was requested. */
  readonly status: 200 | 206;
  /** First byte of the body, and one past its last byte if known. */
  readonly start: number;
  readonly end: number | undefined;
  /** Size of the whole resource if known. */
  readonly totalBytes: number | undefined;
  readonly version: Version;
  /** The body was compressed: its offsets differ from those of ranges. */
  readonly wasCompressed: boolean;
  readonly headers: IncomingHttpHeaders;
  /** After redirects. */
  readonly url: string;
  readonly body: Readable;
}

/** How a response identifies the state of a resource. */
export interface Version {
  /** A strong one, because weak ones do not promise equal bytes. */
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Of the whole resource, hexadecimal, if the source states it. */
  readonly sha256?: string | undefined;
}

/** How to recognise a resource. */
export interface Identity {
  readonly version?: Version;
  readonly totalBytes?: number | undefined;
}

/** Consecutive tries of one read, including the first; at least one new byte counts as progress. */
const ATTEMPTS = 6;
/** Total retries of one read, for sources that send a byte at a time. */
const MAX_REPETITIONS = 20;
const BACKOFF = { firstMs: 200, maxMs: 5_000 };
/** Longest wait that a source may ask for; more is left to a later run. */
const MAX_RETRY_AFTER_MS = 10_000;

/**
 * Opens one span. Network failures, 5xx and 429 with a short delay are retried.
 *
 * @param attempts tries, including the first
 * @throws Fault `forbidden` (401, 403, 410 and other refusals), `unavailable` (404, 451), `unsupported_url` (204, 205),
 *   `rate_limited` (429), `network`, `egress_blocked`
 */
export async function openSpan(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan | null,
  attempts = ATTEMPTS,
): Promise<OpenedSpan> {
  const watch = new SpeedWatch(client.speed, client.ticker);
  const watched = { ...request, signal: AbortSignal.any([request.signal, watch.signal]) };
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await tryOpen(client, watched, span, watch);
      } catch (error) {
        if (attempt >= attempts) throw error;
        await pauseBeforeRetry(watched, error, attempt);
      }
    }
  } finally {
    watch.close();
  }
}

/** Receives the bytes of a span, in order. */
export interface ByteReceiver {
  /**
   * Takes the next chunk. It is only valid during the call, because its memory is reused. A promise makes the
   * source wait; an exception ends the reading.
   */
  put(chunk: Buffer): Promise<void> | void;
  /**
   * Memory for the bytes that come next, which the source may read into it: the next chunk then lies there already. Null for none. See
   * {@link BodyTaker.room}.
   */
  room?(): Buffer | null;
}

/** The same receiver, with a look at each chunk before it takes it; an exception of `onChunk` ends the reading, too. */
export const watched = (receiver: ByteReceiver, onChunk: (chunk: Buffer) => void): ByteReceiver => ({
  put: (chunk) => {
    onChunk(chunk);
    return receiver.put(chunk);
  },
  room: () => receiver.room?.() ?? null,
});

/** What is known about a span before it is read. */
export interface KnownSpan {
  readonly identity?: Identity;
  /** A response for exactly this span that was opened before. */
  readonly opened?: OpenedSpan | undefined;
}

/** Without ranges, a resource is read and discarded up to the span, but not farther than this. */
const MAX_SKIPPED_BYTES = 64 << 20;
/** A source may send less than requested, but not next to nothing each time. */
const FAIR_SHARE_BYTES = 16 << 10;

/**
 * Passes on the bytes of one span, in order. If a connection breaks, the rest is requested from that byte on.
 *
 * @throws as {@link openSpan}; Fault `network` also when the resource changed, the source's responses contradict or the
 *   source stalls; and what the receiver throws
 */
export async function streamRange(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  receiver: ByteReceiver,
  known: KnownSpan = {},
): Promise<void> {
  const watch = new SpeedWatch(client.speed, client.ticker);
  const signal = AbortSignal.any([request.signal, watch.signal]);
  try {
    await new SpanReader(client, { ...request, signal }, span, receiver, watch).read(known);
  } finally {
    watch.close();
  }
}

/** One span that is being read, from as many responses as necessary. */
class SpanReader {
  readonly #client: HttpClient;
  readonly #request: SourceRequest;
  readonly #span: ByteSpan;
  readonly #receiver: ByteReceiver;
  readonly #watch: SpeedWatch;
  #position: number;
  #end: number | undefined;
  /** The reader needs no more. */
  #isRefused = false;
  /** Ranges cannot be used: the whole resource is requested and read up to where the span continues. */
  #wholeOnly = false;

  constructor(
    client: HttpClient,
    request: SourceRequest,
    span: ByteSpan,
    receiver: ByteReceiver,
    watch: SpeedWatch,
  ) {
    this.#client = client;
    this.#request = request;
    this.#span = span;
    this.#receiver = receiver;
    this.#watch = watch;
    this.#position = span.start;
    this.#end = span.end;
  }

  async read({ identity, opened }: KnownSpan): Promise<void> {
    // it was opened under another signal
    if (opened) addAbortSignal(this.#request.signal, opened.body);
    let response = opened;
    let attempt = 1;
    for (let repetitions = 0; ; ) {
      const before = this.#position;
      try {
        response ??= await tryOpen(this.#client, this.#request, this.#rest(), this.#watch);
        if (await this.#readResponse(response, identity)) return;
        const isNextToNothing = this.#position - before < FAIR_SHARE_BYTES;
        if (isNextToNothing && repetitions++ >= MAX_REPETITIONS)
          throw new SourceFault("network", "the source sends next to nothing of what is requested");
      } catch (error) {
        if (this.#isRefused) throw error;
        if (error instanceof RangeMismatchError && this.#canReadThrough(identity)) {
          this.#wholeOnly = true;
          continue;
        }
        if (error instanceof YieldedError) continue;
        if (repetitions++ >= MAX_REPETITIONS) throw error;
        attempt = this.#position > before ? 1 : attempt;
        await pauseBeforeRetry(this.#request, error, attempt++);
      } finally {
        response?.body.on("error", () => {}).destroy();
        response = undefined;
      }
    }
  }

  /** True if the span was read completely; false if the source sent a valid part of it. */
  async #readResponse(response: OpenedSpan, identity: Identity | undefined): Promise<boolean> {
    this.#wholeOnly ||= response.wasCompressed;
    if (identity && isOther(response, identity)) throw new SourceChangedError();
    if (response.status === 200 && this.#span.start > 0 && !this.#canReadThrough(identity, true)) {
      throw new RangeMismatchError();
    }
    if (this.#span.end === undefined || response.status === 200) this.#end ??= response.end;
    const receiver = {
      put: (chunk: Buffer) => this.#pass(chunk),
      room: () => this.#receiver.room?.() ?? null,
    };
    // its body, if there is one, explains why there is nothing
    const isEmpty = response.start === response.end;
    if (!isEmpty)
      await streamResponse(response, { start: this.#position, end: this.#end }, receiver, this.#watch);
    if (this.#end === undefined || this.#position >= this.#end) return true;
    if (!isEmpty && response.status === 206 && this.#position === response.end) return false;
    throw new SourceFault("network", `the source sent ${this.#end - this.#position} bytes too few`);
  }

  /** True for a span at the beginning of a resource, which needs no range; a file that is read by ranges has other means. */
  #canReadThrough(identity: Identity | undefined, again = false): boolean {
    return identity === undefined && this.#span.start <= MAX_SKIPPED_BYTES && (again || !this.#wholeOnly);
  }

  /** A span that starts at 0 and has no end is the whole resource, which needs no range. */
  #rest(): ByteSpan | null {
    if (this.#wholeOnly || (this.#position === 0 && this.#end === undefined)) return null;
    return { start: this.#position, ...(this.#end === undefined ? {} : { end: this.#end }) };
  }

  #pass(chunk: Buffer): Promise<void> | void {
    this.#position += chunk.length;
    this.#request.onBytes?.(chunk.length);
    let waiting: Promise<void> | void;
    try {
      waiting = this.#receiver.put(chunk);
    } catch (error) {
      this.#isRefused = true;
      throw error;
    }
    if (!waiting) return;
    this.#watch.pause();
    return waiting.finally(() => this.#watch.resume());
  }
}

/**
 * All bytes of one span in memory of their own. Every caller sets a limit.
 *
 * @throws as {@link streamRange}; Fault `limit_exceeded` as soon as more than `maxBytes` arrived
 */
export async function collectSpan(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  maxBytes: number,
): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  let length = 0;
  const put = (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) throw new ServiceFault("limit_exceeded", `it is larger than ${maxBytes} bytes`);
    chunks.push(Buffer.from(chunk));
  };
  await streamRange(client, request, span, { put });
  return chunks;
}

/** Requests once; if a redirect led to a node that now refuses, once more from the original address. */
async function tryOpen(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan | null,
  watch: SpeedWatch,
): Promise<OpenedSpan> {
  const { home, url, signal } = request;
  try {
    return await ask(client, request, span, watch);
  } catch (error) {
    const isElsewhere = home !== undefined && home !== url;
    if (signal.aborted || !isElsewhere || !(error instanceof Fault)) throw error;
    if (!OF_THE_NODE.has(error.code)) throw error;
    const headers = headersFor(request.headers, url, home);
    return await ask(client, { ...request, url: home, headers }, span, watch);
  }
}

const OF_THE_NODE: ReadonlySet<string> = new Set(["network", "forbidden", "unavailable", "rate_limited"]);

async function ask(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan | null,
  watch: SpeedWatch,
): Promise<OpenedSpan> {
  request.signal.throwIfAborted();
  const headers: Record<string, string> = { ...request.headers, "accept-encoding": "identity" };
  if (span) headers.range = `bytes=${span.start}-${span.end === undefined ? "" : span.end - 1}`;
  const options = {
    signal: request.signal,
    borrowsChunks: true,
    onWait: (waits: boolean) => (waits ? watch.pause() : watch.resume()),
  };
  let response = await client.open(request.url, { ...options, headers });
  if (response.status === 406) {
    // it only has a compressed form
    response.body.on("error", () => {}).destroy();
    response = await client.open(request.url, {
      ...options,
      headers: { ...headers, "accept-encoding": "*" },
    });
  }
  try {
    return { ...describe(response, span, request.clock), ...pick(response) };
  } catch (error) {
    response.body.on("error", () => {}).destroy();
    throw error;
  }
}

const pick = ({ body, url, headers, wasCompressed }: OpenedResponse) => ({
  body,
  url,
  wasCompressed,
  headers,
  version: versionOf(headers),
});

/** Reads status and sizes; a response that contradicts itself or the request means that ranges cannot be used. */
function describe(
  { status, headers, wasCompressed }: OpenedResponse,
  span: ByteSpan | null,
  clock: RetryClock = REAL_CLOCK,
): Pick<OpenedSpan, "status" | "start" | "end" | "totalBytes"> {
  const range = contentRange(headers);
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  if (status === 200 || (status === 206 && !span && (range?.start ?? 0) === 0)) {
    const whole = wasCompressed ? undefined : length;
    return { status: 200, start: 0, end: whole, totalBytes: whole };
  }
  if (status === 416 && span) return atTheEnd(headers, span);
  if (status !== 206) throw refusal(status, headers, clock);
  if (!range || !span || wasCompressed) throw new RangeMismatchError();
  const { start, end, totalBytes } = range;
  const asked = Math.min(span.end ?? Number.POSITIVE_INFINITY, totalBytes ?? Number.POSITIVE_INFINITY);
  // less than requested is valid, too
  const isHonest = start === span.start && start < end && end <= asked;
  if (!isHonest || (length !== undefined && length !== end - start)) throw new RangeMismatchError();
  return { status, start, end, totalBytes };
}

function contentRange(headers: IncomingHttpHeaders) {
  const match = /^\s*bytes[ =]+(\d+) *- *(\d+) *\/ *(\d+|\*)/i.exec(headers["content-range"] ?? "");
  if (!match) return null;
  const totalBytes = match[3] === "*" ? undefined : Number(match[3]);
  return { start: Number(match[1]), end: Number(match[2]) + 1, totalBytes };
}

/** True for a range after the last byte. Every other range exists, so its refusal means that ranges cannot be used. */
function atTheEnd(headers: IncomingHttpHeaders, { start }: ByteSpan) {
  const total = /^\s*bytes[ =]+\*\/(\d+)/i.exec(headers["content-range"] ?? "")?.[1];
  if (total === undefined || Number(total) !== start) throw new RangeMismatchError();
  return { status: 206, start, end: start, totalBytes: start } as const;
}

/** The source refused a range, or sent another one, or the whole resource. */
export class RangeMismatchError extends SourceFault {
  constructor() {
    super("network", "the source sent another range than requested", { transient: false });
  }
}

function refusal(status: number, headers: IncomingHttpHeaders, clock: RetryClock): Fault {
  const detail = `the source responded with ${status}`;
  const retryAfterMs = parseRetryAfter(headers["retry-after"], clock.now());
  if (status === 404 || status === 451) return new SourceFault("unavailable", detail);
  // a success without a body
  if (status === 204 || status === 205) return new SourceFault("unsupported_url", detail);
  if (status === 429) return new SourceFault("rate_limited", detail, { retryAfterMs });
  if (status >= 500 || status === 408) return new SourceFault("network", detail, { retryAfterMs });
  // also 410: a signed link that expired, worth one fresh extraction
  return new SourceFault("forbidden", detail);
}

/** How a response identifies what it is about. */
export function versionOf(headers: IncomingHttpHeaders): Version {
  const { etag, "last-modified": lastModified } = headers;
  return { etag: etag?.startsWith("W/") ? undefined : etag, lastModified, sha256: sha256Of(headers) };
}

/** In the form of RFC 9530, or as S3 states it for an object that was stored whole. */
function sha256Of(headers: IncomingHttpHeaders): string | undefined {
  const digests = String(headers["repr-digest"] ?? "").split(",");
  const digest = digests.map((text) => /^sha-256=:(.*):$/.exec(text.trim())?.[1]).find((text) => text);
  const base64 = digest ?? String(headers["x-amz-checksum-sha256"] ?? "");
  return /^[A-Za-z0-9+/]{43}=$/.test(base64) ? Buffer.from(base64, "base64").toString("hex") : undefined;
}

function isOther({ version, totalBytes }: OpenedSpan, identity: Identity): boolean {
  if (differ(identity.totalBytes, totalBytes)) return true;
  const known = identity.version ?? {};
  // the nodes of a network often use different tags for the same file
  if (known.lastModified !== undefined && known.lastModified === version.lastModified) return false;
  if (known.etag !== undefined && known.etag === version.etag) return false;
  return differ(known.etag, version.etag) || differ(known.lastModified, version.lastModified);
}

const differ = <T>(known: T | undefined, declared: T | undefined): boolean =>
  known !== undefined && declared !== undefined && known !== declared;

/** The resource has changed: repeating the request cannot help. */
export class SourceChangedError extends SourceFault {
  constructor() {
    super("network", "the file changed while it was read");
  }
}

/** Passes on a response, cut to the wanted span, whether it is a range or the whole resource. */
function streamResponse(
  { body, start, url }: OpenedSpan,
  { start: from, end: to = Number.POSITIVE_INFINITY }: { start: number; end: number | undefined },
  receiver: ByteReceiver,
  watch: SpeedWatch,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(error instanceof Error ? networkFault(error, new URL(url)) : error);
    if (body.destroyed) return fail(body.errored ?? new Error("the connection was closed"));
    let position = start;
    const take = (chunk: Buffer) => {
      const chunkStart = position;
      position += chunk.length;
      watch.add(chunk.length);
      try {
        const isWanted = chunkStart >= from && position <= to;
        const wanted = isWanted
          ? chunk
          : chunk.subarray(Math.max(0, from - chunkStart), Math.max(0, to - chunkStart));
        const waiting = wanted.length > 0 ? receiver.put(wanted) : undefined;
        // a body that ends here is read to its end, so that its connection can be reused
        if (position > to) return resolve();
        if (!waiting) return;
        body.pause();
        waiting.then(() => body.resume(), reject);
      } catch (error) {
        body.off("data", take);
        reject(error);
      }
    };
    body.on("data", take).once("end", resolve).once("error", fail);
    body.once("close", () => fail(new Error("the connection was closed")));
    ReadMemory.divert(body, {
      take,
      room: () => (position >= from && position < to ? (receiver.room?.() ?? null) : null),
    });
  });
}

/** Sleeps before another try, or throws the error if there must be none. */
async function pauseBeforeRetry(request: SourceRequest, error: unknown, attempt: number): Promise<void> {
  request.signal.throwIfAborted();
  if (!(error instanceof Fault) || attempt >= ATTEMPTS || !isPassing(error)) throw error;
  request.onRetry?.();
  const clock = request.clock ?? REAL_CLOCK;
  const delay = Math.max(error.retryAfterMs ?? 0, backoffMs(attempt, BACKOFF, clock.random));
  await clock.sleep(delay, request.signal);
}

function isPassing(fault: Fault): boolean {
  if (fault instanceof SourceChangedError || fault instanceof RangeMismatchError) return false;
  if ((fault.retryAfterMs ?? 0) > MAX_RETRY_AFTER_MS) return false;
  return fault.code === "network" || (fault.code === "rate_limited" && fault.retryAfterMs !== undefined);
}
