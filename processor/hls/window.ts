import { SourceFault } from "../fault.ts";
import type { MediaPlaylist } from "./model.ts";

/** The wanted part of a presentation, in seconds; without `end`, up to its end. */
export interface TimeWindow {
  readonly start: number;
  readonly end?: number | undefined;
}

/** Pieces of a presentation that cover a window. */
export interface Cut<T> {
  readonly kept: readonly T[];
  /** Index of the first kept piece. */
  readonly first: number;
  /** Where the first kept piece begins, by the announced lengths. */
  readonly startSeconds: number;
  /** Of the whole presentation. */
  readonly totalSeconds: number;
}

/** Announced lengths are rounded: a piece that ends within this of the window's start is not needed. */
const ROUNDING_SECONDS = 0.001;

/** The pieces that overlap a window; the last one if the window begins after all of them. */
export function cutPieces<T extends { readonly seconds: number }>(
  pieces: readonly T[],
  { start, end = Number.POSITIVE_INFINITY }: TimeWindow,
): Cut<T> {
  let position = 0;
  const placed = pieces.map((piece) => {
    const from = position;
    position += piece.seconds;
    return { piece, from, to: position };
  });
  const overlapping = placed.filter(({ from, to }) => to > start + ROUNDING_SECONDS && from < end);
  const kept = overlapping.length > 0 ? overlapping : placed.slice(-1);
  return {
    kept: kept.map(({ piece }) => piece),
    first: kept[0] ? placed.indexOf(kept[0]) : 0,
    startSeconds: kept[0]?.from ?? 0,
    totalSeconds: position,
  };
}

/** A playlist cut to a window. */
export interface CutPlaylist {
  readonly playlist: MediaPlaylist;
  readonly startSeconds: number;
  readonly totalSeconds: number;
}

/**
 * A finished media playlist with only the segments that cover a window. Null for a playlist that still grows or has no
 * segments.
 *
 * @throws Fault `network` for a segment of unknown duration
 */
export function cutPlaylist(playlist: MediaPlaylist, window: TimeWindow): CutPlaylist | null {
  if (!playlist.hasEnded || playlist.segments.length === 0) return null;
  const pieces = playlist.segments.map((segment) => {
    if (segment.seconds === null)
      throw new SourceFault("network", "the playlist has a segment of unknown duration", {
        transient: false,
      });
    return { segment, seconds: segment.seconds };
  });
  const { kept, startSeconds, totalSeconds } = cutPieces(pieces, window);
  const segments = kept.map(({ segment }) => segment);
  return { playlist: { ...playlist, segments }, startSeconds, totalSeconds };
}
