import type { HttpClient } from "../egress/http-client.ts";
import { headersFor } from "../egress/source-headers.ts";
import { collectSpan } from "../egress/source-read.ts";
import { Fault, SourceFault } from "../fault.ts";
import { REAL_CLOCK, type RetryClock } from "../retry.ts";
import { decrypted, KeyRing } from "./key.ts";
import {
  type LivePlaylist,
  type LiveResource,
  type LiveSegment,
  parseLivePlaylist,
} from "./live-playlist.ts";
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
  /** Number of the last segment that is known already; null at the beginning. */
  readonly after: number | null;
  /** Begin with the oldest segment that the playlist still holds, not with the newest. */
  readonly fromStart: boolean;
  /** Asked before each look: true ends the stream here. */
  readonly isEnough: () => boolean;
}

/** What a look at the playlist brought. */
export interface NewSegments {
  readonly segments: readonly LiveSegment[];
  /** Seconds that were on air since the last known segment and are in no playlist any more. */
  readonly missedSeconds: number;
}

/** Why a stream ends: the source says so, nothing came for too long, or it was enough. */
export type LiveEnd = "ended" | "stalled" | "enough";

/** Of one segment, which is kept in memory until it is stored: 10 s of 50 Mbit/s. */
const MAX_SEGMENT_BYTES = 64 << 20;
const PLAYLIST_TIMEOUT_MS = 15_000;
/** Between two looks at the playlist, in milliseconds. */
const PAUSE = { min: 200, max: 10_000 };
/** A playlist may be older than the last one by a few segments; one that is older still counts anew. */
const STALE_SEGMENTS = 20;

/** A live HLS stream: its playlist looked at again and again, its segments fetched one by one. */
export class LiveSource {
  /** Requests that had to be repeated so far. */
  retries = 0;
  readonly #client: HttpClient;
  readonly #options: LiveSourceOptions;
  readonly #clock: RetryClock;
  readonly #keys = new KeyRing((url, maxBytes) => this.readResource({ url }, maxBytes));

  constructor(client: HttpClient, options: LiveSourceOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? REAL_CLOCK;
  }

  /**
   * New segments as they appear, each once, in order.
   *
   * @throws Fault `drm`, `live`, `egress_blocked`; whatever may pass counts as silence
   */
  async *follow({ after, fromStart, isEnough }: Follow): AsyncGenerator<NewSegments, LiveEnd> {
    const { signal, stallMs } = this.#options;
    let last = after;
    let heardAt = this.#clock.now();
    for (;;) {
      if (isEnough()) return "enough";
      const lookedAt = this.#clock.now();
      const playlist = await this.#reload();
      const segments = playlist && newSegmentsOf(playlist, last, fromStart);
      if (segments && segments.segments.length > 0) {
        yield segments;
        last = segments.segments.at(-1)?.sequence ?? last;
        heardAt = this.#clock.now();
      }
      if (playlist?.hasEnded) return "ended";
      if (this.#clock.now() - heardAt >= stallMs) return "stalled";
      const pause = pauseAfter(playlist, segments) - (this.#clock.now() - lookedAt);
      if (pause > 0) await this.#clock.sleep(pause, signal);
    }
  }

  /** The bytes of a segment, decrypted. @throws as `openSpan` */
  async read(segment: LiveSegment): Promise<Buffer[]> {
    const chunks = await this.readResource(segment);
    if (segment.key === null) return chunks;
    const decipher = await this.#keys.decipher(segment.key);
    const whole: Buffer[] = [];
    for await (const batch of decrypted([chunks], decipher)) whole.push(...batch);
    return whole;
  }

  /** The bytes of a map. @throws as `openSpan`; Fault `limit_exceeded` over `maxBytes` */
  readResource({ url, span = { start: 0 } }: LiveResource, maxBytes = MAX_SEGMENT_BYTES): Promise<Buffer[]> {
    const { headers, signal, onBytes, clock } = this.#options;
    const request = {
      url,
      signal,
      headers: headersFor(headers, this.#options.url, url),
      onRetry: () => this.retries++,
      ...(onBytes ? { onBytes } : {}),
      ...(clock ? { clock } : {}),
    };
    return collectSpan(this.#client, request, span, maxBytes);
  }

  /** Null for a playlist that cannot be fetched right now. */
  async #reload(): Promise<LivePlaylist | null> {
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
      return parseLivePlaylist(Buffer.concat(chunks).toString("utf8"), response.url);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof Fault && error.code === "network") return null;
      throw error;
    }
  }
}

function newSegmentsOf(playlist: LivePlaylist, last: number | null, fromStart: boolean): NewSegments {
  const { segments, targetSeconds } = playlist;
  if (last === null) return { segments: fromStart ? segments : segments.slice(-1), missedSeconds: 0 };
  const newest = segments.at(-1)?.sequence ?? last;
  // the broadcaster began to count anew
  if (newest < last - STALE_SEGMENTS) return { segments, missedSeconds: 0 };
  const fresh = segments.filter(({ sequence }) => sequence > last);
  const missed = (fresh[0]?.sequence ?? last + 1) - last - 1;
  return { segments: fresh, missedSeconds: missed * targetSeconds };
}

/** Half a segment's length when nothing was new, as players do. */
function pauseAfter(playlist: LivePlaylist | null, segments: NewSegments | null): number {
  if (playlist === null) return 1_000;
  const isNew = (segments?.segments.length ?? 0) > 0;
  const ms = playlist.targetSeconds * (isNew ? 800 : 400);
  return Math.min(PAUSE.max, Math.max(PAUSE.min, ms));
}
