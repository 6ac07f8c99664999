import type { IncomingHttpHeaders } from "node:http";
import { copyInto, copyTo, roomAt } from "../blocks.ts";
import { type Fault, ServiceFault, SourceFault } from "../fault.ts";
import type { RetryClock } from "../retry.ts";
import { AdaptiveConnections } from "./adaptive-connections.ts";
import type { HttpClient } from "./http-client.ts";
import { FileFront } from "./ranges/file-front.ts";
import { carriesSecrets } from "./source-headers.ts";
import { inOrder, type StreamInto } from "./source-prefetch.ts";
import {
  type ByteReceiver,
  type ByteSpan,
  type Identity,
  type OpenedSpan,
  openSpan,
  RangeMismatchError,
  type SourceRequest,
  streamRange,
  type Version,
  watched,
} from "./source-read.ts";

const KiB = 1 << 10;
const MiB = 1 << 20;

/** Ranges that are kept in memory until they are read, at most. */
const READ_AHEAD = 6;

/** Size in bytes of the first range. */
const FIRST_BYTES = 256 * KiB;

export interface RangeSourceOptions {
  readonly url: string;
  /** The address that redirected to `url`: used again if `url` refuses. */
  readonly home?: string | undefined;
  /** Sent with every request, including cookies. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Concurrent ranges of {@link RangeSource.read}. Default 6. */
  readonly connections?: number;
  readonly signal: AbortSignal;
  /** Reads from the beginning through one connection, as if the source had no ranges. */
  readonly plain?: boolean | undefined;
  /** Maximum size of the file in bytes. */
  readonly maxBytes?: number | undefined;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Opens it with one request or not at all. What is read later is repeated as usual. */
  readonly opensOnce?: boolean;
  readonly clock?: RetryClock;
}

export interface ReadOptions {
  /** First byte, default 0; another one only if ranges work. */
  readonly start?: number;
  /** One past the last byte, default the end of the file. */
  readonly end?: number;
  /** Default: as the source was opened. */
  readonly connections?: number;
  /** Largest range in bytes. Default 4 MiB; ranges grow up to it from 256 KiB. */
  readonly chunkBytes?: number;
  /** Stops reading, even while it waits for bytes. */
  readonly signal?: AbortSignal;
  /** A batch is only valid until the reader asks for the next one, because its memory is reused. */
  readonly borrowed?: boolean;
}

/** Memory for a part of a file. */
export interface PartMemory {
  /** As the pool of blocks gives them. */
  readonly blocks: readonly Buffer[];
  /** Position in the file of its first byte. */
  readonly start: number;
}

/** Takes chunks at their positions in the file. */
interface PositionedReceiver {
  readonly put: (chunk: Buffer, position: number) => void;
  /** Where the bytes from `position` to `end` (exclusive) belong, or the first of them. */
  readonly room: (position: number, end: number) => Buffer;
}

/**
 * Opens one file at a source. The first request finds its size and whether ranges work; its body is kept as the file's
 * beginning, so nothing is requested twice.
 *
 * @throws Fault `forbidden`, `unavailable`, `rate_limited`, `network`, `egress_blocked`; `limit_exceeded` if the
 *   file is larger than allowed
 */
export async function openRangeSource(client: HttpClient, options: RangeSourceOptions): Promise<RangeSource> {
  const source = new RangeSource(client, options);
  await source.open();
  return source;
}

/** One file at a source, read at any position and through several connections if the source allows it. */
export class RangeSource {
  /** Undefined if the source does not state it. */
  sizeBytes: number | undefined;
  /** False: the file can only be read from its beginning, through one connection. */
  rangesWork = false;
  /** Of the first response. */
  headers: IncomingHttpHeaders = {};
  /** The address that it was opened by, and the one that the first response came from, after redirects. */
  readonly url: string;
  finalUrl: string;
  /** As the first response states it. */
  version: Version = {};
  /** First bytes that need no further request, and are kept for every reader; 0 without ranges. */
  frontBytes = 0;
  /** Maximum number of concurrent ranges. */
  readonly connections: number;
  #adaptive: AdaptiveConnections;
  /** Bytes received so far. */
  bytesRead = 0;
  /** Number of repeated requests so far. */
  retries = 0;
  readonly #client: HttpClient;
  readonly #options: RangeSourceOptions;
  #request: SourceRequest;
  #identity: Identity = {};
  /** The response to the first request, until something reads it. */
  #kept: OpenedSpan | null = null;
  #front: FileFront | null = null;
  readonly #closing = new AbortController();

  /** Use {@link openRangeSource}. */
  constructor(client: HttpClient, options: RangeSourceOptions) {
    this.#client = client;
    this.#options = options;
    this.connections = options.connections ?? 6;
    this.url = options.url;
    this.finalUrl = options.url;
    this.#adaptive = this.#adapt(options.url);
    this.#request = {
      url: options.url,
      home: options.home,
      headers: options.headers ?? {},
      signal: options.signal,
      onRetry: () => this.retries++,
      onBytes: (bytes) => {
        this.bytesRead += bytes;
        options.onBytes?.(bytes);
      },
      ...(options.clock ? { clock: options.clock } : {}),
    };
  }

  get contentType(): string | undefined {
    return this.headers["content-type"];
  }

  /** Concurrent ranges that make it faster, as far as is known now. */
  get usefulConnections(): number {
    return this.#adaptive.allowed;
  }

  /** Resolves when more are useful than now. */
  get growth(): Promise<void> {
    return this.#adaptive.growth;
  }

  #adapt(url: string): AdaptiveConnections {
    const { limits } = this.#client;
    return new AdaptiveConnections({
      most: this.connections,
      first: limits.paceOf(url),
      onSettled: (connections) => limits.rememberPace(url, connections),
    });
  }

  /** Sends the first request; called once, by {@link openRangeSource}. */
  async open(): Promise<void> {
    const first = await this.#openFirst();
    this.#kept = first;
    this.sizeBytes = first.totalBytes;
    this.rangesWork = first.status === 206;
    this.headers = first.headers;
    this.finalUrl = first.url;
    this.frontBytes = this.rangesWork ? (first.end ?? 0) : 0;
    this.version = first.version;
    // a file that is read in one go may continue at another node, which uses another tag for it
    const version = this.#options.plain ? {} : { version: first.version };
    this.#identity = { totalBytes: first.totalBytes, ...version };
    // a redirect to another origin removed the secrets from the request; a direct request would not
    if (!carriesSecrets(this.#request.headers) || sameOrigin(first.url, this.#request.url)) {
      this.#request = { ...this.#request, url: first.url, home: this.#options.home ?? this.#options.url };
    }
    // the host that it redirected to may be another one
    this.#adaptive = this.#adapt(first.url);
    if ((this.sizeBytes ?? 0) > (this.#options.maxBytes ?? Number.POSITIVE_INFINITY)) {
      this.close();
      throw this.#tooLarge();
    }
  }

  /** The bytes from `start` to `end` in order, several ranges ahead of the reader; leaving the loop closes them. */
  async *read(options: ReadOptions = {}): AsyncGenerator<Buffer[]> {
    const start = options.start ?? 0;
    const end = options.end ?? this.sizeBytes;
    if (!this.rangesWork || end === undefined) {
      yield* this.#readSequentially(start, end, options);
      return;
    }
    const chunkBytes = options.chunkBytes ?? 4 * MiB;
    const connections = () => options.connections ?? this.usefulConnections;
    yield* inOrder(this.#spans(start, end, chunkBytes), {
      // one more for each that was read: reading only a header should not cost megabytes
      ahead: (served) => Math.min(connections(), served + 1),
      growth: options.connections === undefined ? () => this.growth : undefined,
      maxBytes: Math.min(READ_AHEAD, options.connections ?? this.connections) * chunkBytes,
      signal: options.signal,
      borrowed: options.borrowed,
    });
  }

  /**
   * All bytes from `start` (inclusive) to `end` (exclusive) in memory, through one connection.
   *
   * @throws Fault `network` when the source no longer gives exactly these bytes
   */
  async readPart(start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    const memory = Buffer.allocUnsafeSlow(end - start);
    const receiver: PositionedReceiver = {
      put: (chunk, position) => void copyInto(memory, position - start, chunk),
      room: (position, until) => memory.subarray(position - start, until - start),
    };
    await this.#readTo(receiver, { start, end }, signal);
    return memory;
  }

  /**
   * Reads the bytes of `span` into a part's memory, as far as possible without a copy. After a failure, that memory is not free before the event
   * loop has turned.
   *
   * @throws as {@link readPart}
   */
  async readInto(part: PartMemory, span: Required<ByteSpan>, signal?: AbortSignal): Promise<void> {
    const receiver: PositionedReceiver = {
      put: (chunk, position) => copyTo(part.blocks, position - part.start, chunk),
      room: (position, until) => roomAt(part.blocks, position - part.start, until - part.start),
    };
    await this.#readTo(receiver, span, signal);
  }

  /**
   * First what the first response has of it. Its connection can then serve the rest, which begins sooner on a long line than a
   * new connection would.
   */
  async #readTo(
    { put, room }: PositionedReceiver,
    { start, end }: Required<ByteSpan>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let position = start;
    const receiver: ByteReceiver = {
      put: (chunk) => {
        put(chunk, position);
        position += chunk.length;
      },
      room: () => room(position, end),
    };
    const rest = Math.max(start, Math.min(end, this.frontBytes));
    if (start < rest) await this.#passFront(start, rest, receiver, signal);
    if (rest < end) await this.#streamTo({ start: rest, end }, receiver, signal);
  }

  /** Drops what was not read of the first response. */
  close(): void {
    this.#closing.abort(new Error("the file was closed"));
    this.#kept?.body.on("error", () => {}).destroy();
    this.#kept = null;
    this.#dropFront();
  }

  #dropFront(): void {
    this.#front?.close();
    this.#front = null;
  }

  /** The beginning of the file as it arrives, from the first response, which is read from now on. */
  async #passFront(start: number, end: number, receiver: ByteReceiver, signal?: AbortSignal): Promise<void> {
    this.#closing.signal.throwIfAborted();
    const span = { start: 0, end: this.frontBytes };
    this.#front ??= new FileFront(span.end, (onFront) => {
      const kept = this.#takeKept(span.end);
      return this.#streamTo(span, onFront, this.#closing.signal, kept);
    });
    const front = this.#front;
    return front.pass(start, end, receiver, signal).catch((error: unknown) => {
      // the next reader tries again
      if (front.hasFailed && this.#front === front) this.#dropFront();
      throw error;
    });
  }

  async #openFirst(): Promise<OpenedSpan> {
    const { opensOnce, plain } = this.#options;
    if (plain) return await openSpan(this.#client, this.#request, null);
    const span = { start: 0, end: FIRST_BYTES };
    const first = await openSpan(this.#client, this.#request, span, opensOnce ? 1 : undefined).catch(
      (error: unknown) => {
        if (error instanceof RangeMismatchError && !opensOnce) return null;
        throw error;
      },
    );
    if (first && (first.status === 200 || first.totalBytes !== undefined)) return first;
    // ranges that cannot be trusted are not used
    first?.body.on("error", () => {}).destroy();
    if (opensOnce) throw new RangeMismatchError();
    return await openSpan(this.#client, this.#request, null);
  }

  async *#readSequentially(
    start: number,
    end: number | undefined,
    { signal, borrowed }: ReadOptions,
  ): AsyncGenerator<Buffer[]> {
    if (start > 0) throw new SourceFault("network", "the source does not support ranges");
    const { maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    const span = { start: 0, ...(end === undefined ? {} : { end }) };
    const kept = this.#takeKept(end);
    let length = 0;
    const whole: StreamInto = (until, receiver) =>
      this.#streamTo(
        span,
        watched(receiver, (chunk) => {
          length += chunk.length;
          if (length > maxBytes) throw this.#tooLarge();
        }),
        until,
        kept,
      );
    yield* inOrder([whole], { ahead: () => 1, maxBytes: 0, signal, borrowed });
  }

  *#spans(start: number, end: number, largest: number): Generator<StreamInto> {
    let size = Math.min(largest, 256 * KiB);
    let position = start;
    if (start < Math.min(end, this.frontBytes)) {
      position = Math.min(end, this.frontBytes);
      const until = position;
      yield (signal, receiver) => this.#passFront(start, until, receiver, signal);
    }
    while (position < end) {
      const span = { start: position, end: Math.min(end, position + size) };
      yield (signal, receiver) => this.#streamTo(span, receiver, signal);
      position = span.end;
      size = Math.min(largest, size * 2);
    }
  }

  async #streamTo(
    span: ByteSpan,
    receiver: ByteReceiver,
    signal: AbortSignal | undefined,
    opened?: OpenedSpan | null,
  ): Promise<void> {
    const count = this.#adaptive.begin();
    const request = this.#until(signal);
    const onBytes = (bytes: number) => {
      count.add(bytes);
      request.onBytes?.(bytes);
    };
    try {
      await streamRange(this.#client, { ...request, onBytes }, span, receiver, {
        identity: this.#identity,
        opened: opened ?? undefined,
      });
    } finally {
      count.end();
    }
  }

  /** The first response, if it is unused and not longer than the wanted span. */
  #takeKept(end: number | undefined): OpenedSpan | null {
    const kept = this.#kept;
    if (!kept || (kept.status === 206 && (end === undefined || (kept.end ?? 0) > end))) return null;
    this.#kept = null;
    return kept;
  }

  #until(signal: AbortSignal | undefined): SourceRequest {
    return signal
      ? { ...this.#request, signal: AbortSignal.any([this.#request.signal, signal]) }
      : this.#request;
  }

  #tooLarge(): Fault {
    return new ServiceFault("limit_exceeded", `the file is larger than ${this.#options.maxBytes} bytes`);
  }
}

const sameOrigin = (a: string, b: string): boolean => new URL(a).origin === new URL(b).origin;
