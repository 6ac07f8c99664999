import { Fault, ServiceFault } from "../fault.ts";
import type { RetryClock } from "../retry.ts";
import { AdaptiveConnections } from "./adaptive-connections.ts";
import type { HttpClient } from "./http-client.ts";
import type { MissingMedia } from "./missing-media.ts";
import { headersFor } from "./source-headers.ts";
import { streamPiece } from "./source-piece.ts";
import { inOrder, type StreamInto } from "./source-prefetch.ts";
import { type ByteReceiver, type ByteSpan, type SourceRequest, watched } from "./source-read.ts";

export interface Fragment {
  readonly url: string;
  /** Other addresses of the same bytes. */
  readonly alternatives?: readonly string[];
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Duration in seconds; null for an initialisation segment. */
  readonly duration?: number | null;
}

export interface SegmentSourceOptions {
  /** In order, starting with the initialisation segment, if any. */
  readonly fragments: readonly Fragment[];
  /** The stream's own address; fragments on other hosts get no cookies. Without it, all fragments are trusted. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Concurrent fragments. Default 6. */
  readonly connections?: number;
  readonly signal: AbortSignal;
  /** Maximum total size of all fragments in bytes. */
  readonly maxBytes?: number | undefined;
  /** Leaves out a few missing fragments. Without it, each of them ends the stream. */
  readonly missing?: MissingMedia;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Memory for fragments that are not read yet. Default 32 MiB. */
  readonly bufferBytes?: number;
  readonly clock?: RetryClock;
}

/** Reads a list of fragments as one stream and fetches the next ones concurrently. */
export class SegmentSource {
  /** Bytes received so far. */
  bytesRead = 0;
  /** Number of repeated requests so far. */
  retries = 0;
  /** Number of fragments that were read completely. */
  fragmentsRead = 0;
  /** Which of their addresses served the last fragment. */
  #served = 0;
  readonly #client: HttpClient;
  readonly #options: SegmentSourceOptions;

  readonly #adaptive: AdaptiveConnections;

  constructor(client: HttpClient, options: SegmentSourceOptions) {
    this.#client = client;
    this.#options = options;
    const { connections = 6, fragments } = options;
    const url = fragments[0]?.url ?? options.url;
    this.#adaptive = new AdaptiveConnections({
      most: connections,
      first: url === undefined ? undefined : client.limits.paceOf(url),
      onSettled: (found) => url !== undefined && client.limits.rememberPace(url, found),
    });
  }

  /**
   * All fragments, concatenated. Leaving the loop early aborts every request.
   *
   * @param borrowed a batch is only valid until the reader asks for the next one, because its memory is reused
   * @throws as `openRangeSource`; one fragment that cannot be fetched ends the stream
   */
  async *read(signal?: AbortSignal, borrowed = false): AsyncGenerator<Buffer[]> {
    const { bufferBytes = 32 << 20, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    let length = 0;
    // few at first: a source that refuses the first fragment should not get six requests
    const ahead = (served: number) => Math.min(this.#adaptive.allowed, served === 0 ? 2 : served + 2);
    const growth = () => this.#adaptive.growth;
    const options = { ahead, growth, maxBytes: bufferBytes, signal, borrowed };
    for await (const batch of inOrder(this.#streams(), options)) {
      length += batch.reduce((sum, chunk) => sum + chunk.length, 0);
      if (length > maxBytes)
        throw new ServiceFault("limit_exceeded", `the media is larger than ${maxBytes} bytes`);
      yield batch;
    }
  }

  *#streams(): Generator<StreamInto> {
    for (const fragment of this.#options.fragments) {
      yield (signal, receiver) => this.#streamTo(fragment, signal, receiver);
    }
  }

  async #streamTo(fragment: Fragment, signal: AbortSignal, receiver: ByteReceiver): Promise<void> {
    let isBegun = false;
    const noted = watched(receiver, () => {
      isBegun = true;
    });
    try {
      await this.#streamFromAny(fragment, signal, noted, () => isBegun);
    } catch (error) {
      const { duration = null, span, url } = fragment;
      const name = `${url} ${span?.start ?? 0}`;
      // half of a fragment is not a missing one
      if (isBegun || duration === null || !this.#options.missing?.leaveOut(name, duration, error))
        throw error;
    }
    this.fragmentsRead++;
  }

  /** From the address that served the last fragment, or else the next one, unless bytes of it were passed on already. */
  async #streamFromAny(
    fragment: Fragment,
    signal: AbortSignal,
    receiver: ByteReceiver,
    isBegun: () => boolean,
  ): Promise<void> {
    const urls = [fragment.url, ...(fragment.alternatives ?? [])];
    const first = this.#served % urls.length;
    for (let tried = 0; ; tried++) {
      const place = (first + tried) % urls.length;
      try {
        await this.#streamFrom(urls[place] as string, fragment, signal, receiver);
        this.#served = place;
        return;
      } catch (error) {
        signal.throwIfAborted();
        const mayBeElsewhere = error instanceof Fault && OF_THE_ADDRESS.has(error.code) && !isBegun();
        if (!mayBeElsewhere || tried + 1 === urls.length) throw error;
      }
    }
  }

  async #streamFrom(
    url: string,
    { span }: Fragment,
    signal: AbortSignal,
    receiver: ByteReceiver,
  ): Promise<void> {
    const { clock, headers = {}, missing, onBytes } = this.#options;
    const count = this.#adaptive.begin();
    const request: SourceRequest = {
      url,
      headers: headersFor(headers, this.#options.url ?? url, url),
      signal: AbortSignal.any([this.#options.signal, signal]),
      onRetry: () => this.retries++,
      onBytes: (bytes) => {
        this.bytesRead += bytes;
        count.add(bytes);
        onBytes?.(bytes);
      },
      ...(clock ? { clock } : {}),
    };
    try {
      await streamPiece(this.#client, request, span ?? { start: 0 }, receiver, () => missing?.areFew ?? true);
    } finally {
      count.end();
    }
  }
}

/** Failures that another address of the same bytes may not have. */
const OF_THE_ADDRESS: ReadonlySet<string> = new Set(["network", "forbidden", "unavailable", "rate_limited"]);
