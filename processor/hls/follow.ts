import type { MediaPlaylist, Segment } from "./model.ts";

/** Following a live playlist: which of its segments are new. */

/** What a reload of the playlist brought. */
export interface NewSegments {
  readonly segments: readonly LiveSegment[];
  /** Seconds that were on air after the last known segment and that no playlist holds any more. */
  readonly missedSeconds: number;
}

/** A segment of a live stream. */
export interface LiveSegment extends Segment {
  readonly seconds: number;
  /** Its clock or its initialisation differs from that of the previous segment. */
  readonly beginsAnew: boolean;
}

/** Assumed where a playlist does not state how long its segments are. */
const USUAL_SECONDS = 6;
/** A playlist may be older than the last one by a few segments. If it is older than that, the encoder restarted. */
const STALE_SEGMENTS = 20;
/** So many old-looking playlists in a row mean that the encoder restarted. */
const LOOKS_BEHIND = 3;
/** Number of segment names to remember: more than a playlist usually holds. */
const REMEMBERED = 200;

export const targetSecondsOf = ({ targetSeconds }: MediaPlaylist): number => targetSeconds ?? USUAL_SECONDS;

/** Finds the new segments of a live playlist, each time it is reloaded. */
export class Follower {
  /** Number of the last known segment; null before the first. */
  #last: number | null;
  readonly #fromStart: boolean;
  /** Names of known segments by number, without the parts that change from one playlist to the next. */
  readonly #names = new Map<number, string>();
  /** Number of successive playlists that end before every known segment. */
  #looksBehind = 0;

  /**
   * @param after number of the last known segment; null at the beginning
   * @param fromStart begin with the oldest segment that the playlist still holds, not with the newest
   */
  constructor(after: number | null, fromStart: boolean) {
    this.#last = after;
    this.#fromStart = fromStart;
  }

  next(playlist: MediaPlaylist): NewSegments {
    const { segments } = playlist;
    const last = this.#last;
    const isRestart = last !== null && this.#hasRestarted(playlist, last);
    const fresh =
      last === null
        ? segments.slice(this.#fromStart ? 0 : -1)
        : isRestart
          ? this.#unknown(segments)
          : segments.filter(({ sequence }) => sequence > last);
    const missed = last === null || isRestart ? 0 : (fresh[0]?.sequence ?? last + 1) - last - 1;
    const seconds = targetSecondsOf(playlist);
    const marked = fresh.map((segment, index) => ({
      ...segment,
      seconds: segment.seconds ?? seconds,
      beginsAnew: index === 0 ? isRestart || this.#beginsAnew(playlist, segment) : isNewPart(fresh, index),
    }));
    if (isRestart) {
      this.#names.clear();
      this.#looksBehind = 0;
    }
    // segments before the first new one count as known
    for (const segment of last === null ? segments : fresh)
      this.#names.set(segment.sequence, nameOf(segment));
    for (const sequence of [...this.#names.keys()].slice(0, -REMEMBERED)) this.#names.delete(sequence);
    this.#last = fresh.at(-1)?.sequence ?? last;
    return { segments: marked, missedSeconds: missed * seconds };
  }

  /** After a restart, a playlist may still hold segments from before it. */
  #unknown(segments: readonly Segment[]): readonly Segment[] {
    const known = new Set(this.#names.values());
    const unknown = segments.filter((segment) => !known.has(nameOf(segment)));
    return unknown.length > 0 ? unknown : segments;
  }

  /** The encoder restarted: the numbers are much lower, or belong to other segments than before. */
  #hasRestarted({ hasEnded, segments }: MediaPlaylist, last: number): boolean {
    const newest = segments.at(-1)?.sequence;
    if (newest === undefined) return false;
    if (newest < last - STALE_SEGMENTS) return true;
    // a server that lags behind may send an older playlist, but not again and again
    const [first = last] = this.#names.keys();
    this.#looksBehind = newest < first ? this.#looksBehind + 1 : 0;
    if (this.#looksBehind >= LOOKS_BEHIND || (this.#looksBehind > 0 && hasEnded)) return true;
    return segments.some((segment) => {
      const known = this.#names.get(segment.sequence);
      return known !== undefined && known !== nameOf(segment);
    });
  }

  /** Whether a new part begins after the last known segment and up to this one. */
  #beginsAnew({ segments }: MediaPlaylist, segment: Segment): boolean {
    const before = segments.find(({ sequence }) => sequence === this.#last);
    if (before) return before.part !== segment.part;
    // no playlist holds the previous segment any more, so only a part that begins here can be seen
    const index = segments.indexOf(segment);
    return index > 0 && isNewPart(segments, index);
  }
}

const isNewPart = (segments: readonly Segment[], index: number): boolean =>
  segments[index - 1]?.part !== segments[index]?.part;

/** Tokens in the query change; the path and the range do not. */
const nameOf = ({ url, span }: Segment): string => `${new URL(url).pathname} ${span?.start ?? ""}`;
