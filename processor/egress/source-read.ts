import type { IncomingHttpHeaders } from "node:http";
import { addAbortSignal, type Readable } from "node:stream";
import { parseRetryAfter } from "../../schema/retry-after.ts";
import { Fault } from "../fault.ts";
import { backoffMs, REAL_CLOCK, type RetryClock } from "../retry.ts";
import { type HttpClient, networkFault } from "./http-client.ts";

/** Bytes `start` (inclusive) to `end` (exclusive); without `end`, to the end of the resource. */
export interface ByteSpan {
  readonly start: number;
  readonly end?: number;
}

/** What all reads of one resource share. */
export interface SourceRequest {
  readonly url: string;
  /** Sent with every request: cookies, referer, user agent. Lower-case names win over ours, but for the range. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called before each repetition. */
  readonly onRetry?: () => void;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  readonly clock?: RetryClock;
}

/** A response whose body is being read. */
export interface OpenedSpan {
  /** 206: exactly the asked span; 200: the whole resource, whatever was asked. */
  readonly status: 200 | 206;
  /** First byte of the body, and one past its last where that is known. */
  readonly start: number;
  readonly end: number | undefined;
  /** Size of the whole resource where that is known. */
  readonly totalBytes: number | undefined;
  /** A strong validator for `If-Range`; undefined when the source has none. */
  readonly validator: string | undefined;
  readonly contentType: string | undefined;
  /** After redirects. */
  readonly url: string;
  readonly body: Readable;
}

/** How to know a resource again. */
export interface Identity {
  /** A strong validator, sent as `If-Range`. */
  readonly validator?: string | undefined;
  readonly totalBytes?: number | undefined;
}

/** Tries of one read in a row, the first included; each must start with at least one new byte to count as progress. */
const ATTEMPTS = 6;
/** Repetitions of one read in all: a source that sends a byte a time is not worth more. */
const MAX_REPETITIONS = 20;
const BACKOFF = { firstMs: 200, maxMs: 5_000 };
/** A source that wants to be left alone for longer is one for a later run. */
const MAX_RETRY_AFTER_MS = 10_000;

/**
 * Opens one span. Network failures, 5xx and short 429s are tried again.
 *
 * @throws Fault `forbidden` (401, 403, 410 and other refusals), `unavailable` (404, 451), `rate_limited` (429),
 *   `network`, `egress_blocked`
 */
export async function openSpan(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan | null,
  identity: Identity = {},
): Promise<OpenedSpan> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryOpen(client, request, span, identity);
    } catch (error) {
      await pauseBeforeRetry(request, error, attempt);
    }
  }
}

/**
 * Takes the next chunk of a span. It is only borrowed: its memory is used again when this returns. A promise makes the
 * source wait; what is thrown ends the reading.
 */
export type ChunkSink = (chunk: Buffer) => Promise<void> | void;

/** What is known of a span that is to be read. */
export interface KnownSpan {
  readonly identity?: Identity;
  /** A response for this very span that was opened before. */
  readonly opened?: OpenedSpan | undefined;
}

/**
 * Hands over the bytes of one span, in order. Where a connection breaks, the rest is asked for from that byte on.
 *
 * @throws as {@link openSpan}; Fault `network` also when the resource changed or the source's responses contradict; and
 *   what `take` throws
 */
export async function streamRange(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan,
  onChunk: ChunkSink,
  { identity = {}, opened }: KnownSpan = {},
): Promise<void> {
  // it was opened under another signal
  if (opened) addAbortSignal(request.signal, opened.body);
  let position = span.start;
  let end = span.end;
  let response = opened;
  let attempt = 1;
  let isRefused = false;
  const pass: ChunkSink = (chunk) => {
    position += chunk.length;
    request.onBytes?.(chunk.length);
    try {
      return onChunk(chunk);
    } catch (error) {
      isRefused = true;
      throw error;
    }
  };
  for (let repetitions = 0; ; repetitions++) {
    const before = position;
    try {
      response ??= await tryOpen(client, request, rest(position, end), identity);
      refuseOther(response, identity, span);
      end ??= response.end;
      await streamResponse(response, position, end, pass);
      if (end === undefined || position >= end) return;
      throw new Fault("network", `the source sent ${end - position} bytes too few`);
    } catch (error) {
      if (isRefused || repetitions >= MAX_REPETITIONS) throw error;
      attempt = position > before ? 1 : attempt;
      await pauseBeforeRetry(request, error, attempt++);
    } finally {
      response?.body.on("error", () => {}).destroy();
      response = undefined;
    }
  }
}

/**
 * All bytes of one span in memory of their own. Every caller says how many that may be.
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
  const onChunk = (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) throw new Fault("limit_exceeded", `it is larger than ${maxBytes} bytes`);
    chunks.push(Buffer.from(chunk));
  };
  await streamRange(client, request, span, onChunk);
  return chunks;
}

/** A span that starts at 0 and has no end is the whole resource, which no range needs to be asked for. */
const rest = (start: number, end: number | undefined): ByteSpan | null =>
  start === 0 && end === undefined ? null : { start, ...(end === undefined ? {} : { end }) };

async function tryOpen(
  client: HttpClient,
  request: SourceRequest,
  span: ByteSpan | null,
  { validator }: Identity,
): Promise<OpenedSpan> {
  request.signal.throwIfAborted();
  const headers: Record<string, string> = { ...request.headers, "accept-encoding": "identity" };
  if (span) headers.range = `bytes=${span.start}-${span.end === undefined ? "" : span.end - 1}`;
  if (span && validator) headers["if-range"] = validator;
  const response = await client.open(request.url, { headers, signal: request.signal, borrowsChunks: true });
  try {
    return { ...describe(response.status, response.headers, span, request.clock), ...pick(response) };
  } catch (error) {
    response.body.on("error", () => {}).destroy();
    throw error;
  }
}

const pick = ({ body, url, headers }: { body: Readable; url: string; headers: IncomingHttpHeaders }) => ({
  body,
  url,
  contentType: headers["content-type"],
  validator: validatorOf(headers),
});

/** Reads status and sizes; a response that contradicts itself or the request is a network fault. */
function describe(
  status: number,
  headers: IncomingHttpHeaders,
  span: ByteSpan | null,
  clock: RetryClock = REAL_CLOCK,
): Pick<OpenedSpan, "status" | "start" | "end" | "totalBytes"> {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") throw new Fault("network", `encoded as ${encoding}`);
  const length = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  if (status === 200) return { status, start: 0, end: length, totalBytes: length };
  if (status === 416 && /^bytes \*\/0$/.test(headers["content-range"] ?? "")) {
    return { status: 206, start: 0, end: 0, totalBytes: 0 };
  }
  if (status !== 206) throw refusal(status, headers, clock);
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers["content-range"] ?? "");
  if (!range || !span) throw new Fault("network", "a response of 206 without a usable range");
  const [start, end] = [Number(range[1]), Number(range[2]) + 1];
  const totalBytes = range[3] === "*" ? undefined : Number(range[3]);
  const asked = Math.min(span.end ?? Number.POSITIVE_INFINITY, totalBytes ?? Number.POSITIVE_INFINITY);
  const honest = start === span.start && (asked === Number.POSITIVE_INFINITY || end === asked);
  if (!honest || (length !== undefined && length !== end - start)) throw new RangeMismatchError();
  return { status, start, end, totalBytes };
}

/** The source answered a range request with another range than it was asked for, or with everything. */
export class RangeMismatchError extends Fault {
  constructor() {
    super("network", "the source sent another range than it was asked for");
  }
}

function refusal(status: number, headers: IncomingHttpHeaders, clock: RetryClock): Fault {
  const detail = `the source answered ${status}`;
  const retryAfterMs = parseRetryAfter(headers["retry-after"], clock.now());
  if (status === 404 || status === 451) return new Fault("unavailable", detail);
  if (status === 429) return new Fault("rate_limited", detail, { retryAfterMs });
  if (status >= 500 || status === 408) return new Fault("network", detail, { retryAfterMs });
  // also 410: a signed link that ran out, worth one fresh extraction
  return new Fault("forbidden", detail);
}

/** Weak validators promise no equal bytes. */
function validatorOf(headers: IncomingHttpHeaders): string | undefined {
  const etag = headers.etag;
  return etag !== undefined && !etag.startsWith("W/") ? etag : headers["last-modified"];
}

function refuseOther(response: OpenedSpan, { validator, totalBytes }: Identity, span: ByteSpan): void {
  if (differ(validator, response.validator) || differ(totalBytes, response.totalBytes))
    throw new SourceChangedError();
  // reading up to the span through everything in front of it would cost more than it gives
  if (response.status === 200 && span.start > 0) throw new RangeMismatchError();
}

const differ = <T>(known: T | undefined, declared: T | undefined): boolean =>
  known !== undefined && declared !== undefined && known !== declared;

/** The resource is not the one that was begun: repeating the request cannot help. */
class SourceChangedError extends Fault {
  constructor() {
    super("network", "the file changed while it was read");
  }
}

/** Hands over a response cut to the wanted span, whichever of the two ways it was answered. */
function streamResponse(
  { body, start, url }: OpenedSpan,
  from: number,
  to: number | undefined,
  onChunk: ChunkSink,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(error instanceof Error ? networkFault(error, new URL(url)) : error);
    if (body.destroyed) return fail(body.errored ?? new Error("the connection was closed"));
    let position = start;
    const onData = (chunk: Buffer) => {
      const first = Math.max(0, from - position);
      const last = to === undefined ? chunk.length : Math.min(chunk.length, to - position);
      position += chunk.length;
      try {
        const waiting = first < last ? onChunk(chunk.subarray(first, last)) : undefined;
        // a body that ends here is read to its end, so that its connection can be used again
        if (to !== undefined && position > to) return resolve();
        if (!waiting) return;
        body.pause();
        waiting.then(() => body.resume(), reject);
      } catch (error) {
        body.off("data", onData);
        reject(error);
      }
    };
    body.on("data", onData).once("end", resolve).once("error", fail);
    body.once("close", () => fail(new Error("the connection was closed")));
  });
}

/** Sleeps before another try, or throws the error when there must be none. */
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
