import { ServiceFault } from "../fault.ts";
import type { RetryClock } from "../retry.ts";
import type { HttpClient } from "./http-client.ts";
import type { MissingMedia } from "./missing-media.ts";
import { headersFor } from "./source-headers.ts";
import { streamPiece } from "./source-piece.ts";
import { inOrder, type StreamInto } from "./source-prefetch.ts";
import type { ByteSpan, ChunkSink, SourceRequest } from "./source-read.ts";

export interface Fragment {
  readonly url: string;
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
  readonly #client: HttpClient;
  readonly #options: SegmentSourceOptions;

  constructor(client: HttpClient, options: SegmentSourceOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * All fragments, concatenated. Leaving the loop early aborts every request.
   *
   * @param borrowed a batch is only valid until the reader asks for the next one, because its memory is reused
   * @throws as `openRangeSource`; one fragment that cannot be fetched ends the stream
   */
  async *read(signal?: AbortSignal, borrowed = false): AsyncGenerator<Buffer[]> {
    const { connections = 6, bufferBytes = 32 << 20, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    let length = 0;
    // few at first: a source that refuses the first fragment should not get six requests
    const ahead = (served: number) => (served === 0 ? Math.min(2, connections) : connections);
    for await (const batch of inOrder(this.#streams(), { ahead, maxBytes: bufferBytes, signal, borrowed })) {
      length += batch.reduce((sum, chunk) => sum + chunk.length, 0);
      if (length > maxBytes)
        throw new ServiceFault("limit_exceeded", `the media is larger than ${maxBytes} bytes`);
      yield batch;
    }
  }

  *#streams(): Generator<StreamInto> {
    for (const fragment of this.#options.fragments) {
      yield (signal, onChunk) => this.#streamTo(fragment, signal, onChunk);
    }
  }

  async #streamTo(fragment: Fragment, signal: AbortSignal, onChunk: ChunkSink): Promise<void> {
    const request: SourceRequest = {
      url: fragment.url,
      headers: headersFor(this.#options.headers ?? {}, this.#options.url ?? fragment.url, fragment.url),
      signal: AbortSignal.any([this.#options.signal, signal]),
      onRetry: () => this.retries++,
      onBytes: (bytes) => {
        this.bytesRead += bytes;
        this.#options.onBytes?.(bytes);
      },
      ...(this.#options.clock ? { clock: this.#options.clock } : {}),
    };
    try {
      const isWorthIt = () => this.#options.missing?.areFew ?? true;
      await streamPiece(this.#client, request, fragment.span ?? { start: 0 }, onChunk, isWorthIt);
    } catch (error) {
      const { duration = null, span, url } = fragment;
      // refused before its first byte; one that breaks off is different
      const name = `${url} ${span?.start ?? 0}`;
      if (duration === null || !this.#options.missing?.leaveOut(name, duration, error)) throw error;
    }
    this.fragmentsRead++;
  }
}
