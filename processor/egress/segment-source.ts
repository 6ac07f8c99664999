import { ServiceFault } from "../fault.ts";
import type { RetryClock } from "../retry.ts";
import type { HttpClient } from "./http-client.ts";
import type { MissingMedia } from "./missing-media.ts";
import { headersFor } from "./source-headers.ts";
import { inOrder, type StreamInto } from "./source-prefetch.ts";
import { type ByteSpan, type ChunkSink, type SourceRequest, streamRange } from "./source-read.ts";

export interface Fragment {
  readonly url: string;
  /** Only these bytes of it. */
  readonly span?: ByteSpan;
  /** Seconds; null for one that is no media. */
  readonly duration?: number | null;
}

export interface SegmentSourceOptions {
  /** In order; the initialisation segment, if there is one, first. */
  readonly fragments: readonly Fragment[];
  /** The stream's own address; fragments on other hosts get no cookies. Without it, all fragments are trusted. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Fragments fetched at once. Default 6. */
  readonly connections?: number;
  readonly signal: AbortSignal;
  /** Most bytes that all fragments may have together. */
  readonly maxBytes?: number | undefined;
  /** Leaves out a few fragments that the source does not have. Without it, each of them ends the stream. */
  readonly missing?: MissingMedia;
  /** Called with the number of bytes of each chunk that arrives. */
  readonly onBytes?: (bytes: number) => void;
  /** Memory for fragments that are not read yet. Default 32 MiB. */
  readonly bufferBytes?: number;
  readonly clock?: RetryClock;
}

/** A list of fragments read as one stream, the next ones fetched ahead side by side. */
export class SegmentSource {
  /** Bytes received so far. */
  bytesRead = 0;
  /** Requests that had to be repeated so far. */
  retries = 0;
  /** Fragments that were read to their end. */
  fragmentsRead = 0;
  readonly #client: HttpClient;
  readonly #options: SegmentSourceOptions;

  constructor(client: HttpClient, options: SegmentSourceOptions) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * All fragments, concatenated. Leaving the loop early ends every request.
   *
   * @param borrowed a batch is the reader's only until it asks for the next one: its memory is used again
   * @throws as `openRangeSource`; one fragment that cannot be fetched ends the stream
   */
  async *read(signal?: AbortSignal, borrowed = false): AsyncGenerator<Buffer[]> {
    const { connections = 6, bufferBytes = 32 << 20, maxBytes = Number.POSITIVE_INFINITY } = this.#options;
    let length = 0;
    // few at first: a source that refuses the first fragment should not be asked for six
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
      await streamRange(this.#client, request, fragment.span ?? { start: 0 }, onChunk);
    } catch (error) {
      const { duration = null, span, url } = fragment;
      // refused before its first byte: one that breaks off is another matter
      const name = `${url} ${span?.start ?? 0}`;
      if (duration === null || !this.#options.missing?.leaveOut(name, duration, error)) throw error;
    }
    this.fragmentsRead++;
  }
}
