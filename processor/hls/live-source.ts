import type { HttpClient } from "../egress/http-client.ts";
import { headersFor } from "../egress/source-headers.ts";
import { collectPiece } from "../egress/source-piece.ts";
import { Fault, SourceFault } from "../fault.ts";
import { REAL_CLOCK, type RetryClock } from "../retry.ts";
import { Follower, type NewSegments, targetSecondsOf } from "./follow.ts";
import { decrypted, inlineBytes, KeyRing, type ResourceKey } from "./key.ts";
import { type MediaPlaylist, parseMediaPlaylist, type Resource } from "./model.ts";
import { MAX_PLAYLIST_BYTES } from "./playlist-lines.ts";

export interface LiveSourceOptions {
  /** Of the media playlist. */
  readonly url: string;
  /** Cookies among them go only to the host of `url`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Longest time without a new segment, in milliseconds. */
  readonly stallMs: number;
  readonly onBytes?: (bytes: number) => void;
  readonly clock?: RetryClock;
}

export interface Follow {
  /** Number of the last known segment; null at the beginning. */
  readonly after: number | null;
  /** Begin with the oldest segment that the playlist still holds, not with the newest. */
  readonly fromStart: boolean;
  /** Called before each reload of the playlist; true ends the stream. */
  readonly isEnough: () => boolean;
}

/** Why a stream ended: the source ended it, nothing came for too long, or the caller stopped. */
export type LiveEnd = "ended" | "stalled" | "enough";

/** Largest segment: it is kept in memory until it is stored. 10 s at 50 Mbit/s. */
const MAX_SEGMENT_BYTES = 64 << 20;
const PLAYLIST_TIMEOUT_MS = 15_000;
/** Time between two reloads of the playlist, in milliseconds. */
const PAUSE = { min: 200, max: 10_000 };

/** A live HLS stream. Reloads its playlist and fetches its segments one at a time. */
export class LiveSource {
  /** Requests that had to be repeated so far. */
  retries = 0;
  readonly #client: HttpClient;
  readonly #options: LiveSourceOptions;
  readonly #clock: RetryClock;
  readonly #keys = new KeyRing((url, maxBytes) => this.#download({ url }, maxBytes));

  constructor(client: HttpClient, options: LiveSourceOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /**
   * New segments as they appear, each once, in order.
   *
   * @throws Fault `drm`, `live`, `egress_blocked`; temporary failures count as silence
   */
  async *follow({ after, fromStart, isEnough }: Follow): AsyncGenerator<NewSegments, LiveEnd> {
    const { signal, stallMs } = this.#options;
    const follower = new Follower(after, fromStart);
    let heardAt = this.#clock.now();
    for (;;) {
      if (isEnough()) return "enough";
      const lookedAt = this.#clock.now();
      const playlist = await this.#reload();
      const segments = playlist && follower.next(playlist);
      if (segments && segments.segments.length > 0) {
        yield segments;
        heardAt = this.#clock.now();
      }
      if (playlist?.hasEnded) return "ended";
      if (this.#clock.now() - heardAt >= stallMs) return "stalled";
      const pause = pauseAfter(playlist, segments) - (this.#clock.now() - lookedAt);
      if (pause > 0) await this.#clock.sleep(pause, signal);
    }
  }

  /** The bytes of a segment or a map, decrypted. @throws as `openSpan` */
  async read(resource: Resource & { readonly key: ResourceKey | null }): Promise<Buffer[]> {
    const chunks = await this.#download(resource, MAX_SEGMENT_BYTES);
    if (resource.key === null) return chunks;
    const decipher = await this.#keys.decipher(resource.key);
    const whole: Buffer[] = [];
    for await (const batch of decrypted([chunks], decipher)) whole.push(...batch);
    return whole;
  }

  /** @throws as `openSpan`; Fault `limit_exceeded` over `maxBytes` */
  async #download({ url, span = { start: 0 } }: Resource, maxBytes: number): Promise<Buffer[]> {
    const inline = inlineBytes(url);
    if (inline) return [inline];
    const { headers, signal, onBytes, clock } = this.#options;
    const request = {
      url,
      signal,
      headers: headersFor(headers, this.#options.url, url),
      onRetry: () => this.retries++,
      ...(onBytes ? { onBytes } : {}),
      ...(clock ? { clock } : {}),
    };
    return collectPiece(this.#client, request, span, maxBytes);
  }

  /** Null if the playlist cannot be fetched at the moment. */
  async #reload(): Promise<MediaPlaylist | null> {
    const { url, headers, signal } = this.#options;
    try {
      const response = await this.#client.open(url, { headers, signal, timeoutMs: PLAYLIST_TIMEOUT_MS });
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > MAX_PLAYLIST_BYTES)
          throw new SourceFault("network", "the playlist is too large", { transient: false });
        chunks.push(chunk);
      }
      if (response.status !== 200)
        throw new SourceFault("network", `the playlist was answered ${response.status}`);
      const playlist = parseMediaPlaylist(Buffer.concat(chunks).toString("utf8"), response.url);
      if (playlist.segments.some(({ sampleKey }) => sampleKey !== null))
        throw new SourceFault("live", "an encryption of single samples");
      return playlist;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fault && error.code === "network") return null;
      throw error;
    }
  }
}

/** Half the length of a segment if nothing was new, as players wait. */
function pauseAfter(playlist: MediaPlaylist | null, segments: NewSegments | null): number {
  if (playlist === null) return 1_000;
  const isNew = (segments?.segments.length ?? 0) > 0;
  const ms = targetSecondsOf(playlist) * (isNew ? 800 : 400);
  return Math.min(PAUSE.max, Math.max(PAUSE.min, ms));
}
