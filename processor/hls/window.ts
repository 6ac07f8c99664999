import { SourceFault } from "../fault.ts";
import { RangeReader } from "./byte-range.ts";
import { firstSequence, playlistLines, segmentSeconds } from "./playlist-lines.ts";

/** The part of a presentation that is wanted, in seconds; without `end`, up to its end. */
export interface TimeWindow {
  readonly start: number;
  readonly end?: number | undefined;
}

/** Pieces of a presentation that cover a window. */
export interface Cut<T> {
  readonly kept: readonly T[];
  /** Index of the first kept piece. */
  readonly first: number;
  /** Where the first kept piece begins, by what the presentation says about its pieces. */
  readonly startSeconds: number;
  /** Of the whole presentation. */
  readonly totalSeconds: number;
}

/** Announced lengths are rounded: a piece that ends within this of the window's start is not needed. */
const ROUNDING_SECONDS = 0.001;

/** The pieces that overlap a window, at least one: the last, when the window lies behind them all. */
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

interface Segment {
  readonly seconds: number;
  readonly lines: readonly string[];
  /** Keys and map that hold for this segment, wherever in the playlist they were named. */
  readonly context: readonly string[];
}

/** A playlist cut to a window; null for one that is a list of playlists or still grows. */
export interface CutPlaylist {
  readonly text: string;
  readonly startSeconds: number;
  readonly totalSeconds: number;
}

/**
 * Leaves only the segments of a finished media playlist that cover a window, with everything that they need to be
 * read: keys, map, the number of the first (the default IV of encrypted segments), byte ranges with their offsets.
 *
 * @throws Fault `network` when this is no playlist, or a byte range or a duration cannot be read
 */
export function cutPlaylist(text: string, window: TimeWindow): CutPlaylist | null {
  const lines = playlistLines(text).filter((line) => line.trim() !== "");
  if (!lines.some((line) => line.startsWith("#EXT-X-ENDLIST"))) return null;
  const { header, segments } = parse(lines);
  if (segments.length === 0) return null;
  const cut = cutPieces(segments, window);
  const sequence = firstSequence(lines) + cut.first;
  const body = [
    ...header.filter((line) => !line.startsWith("#EXT-X-MEDIA-SEQUENCE:")),
    `#EXT-X-MEDIA-SEQUENCE:${sequence}`,
    ...(cut.kept[0]?.context ?? []),
    ...cut.kept.flatMap((segment, index) => (index === 0 ? withoutContext(segment.lines) : segment.lines)),
    "#EXT-X-ENDLIST",
    "",
  ];
  return { text: body.join("\n"), startSeconds: cut.startSeconds, totalSeconds: cut.totalSeconds };
}

const KEY = /^#EXT-X-KEY:/;
const MAP = /^#EXT-X-MAP:/;
/** What belongs to the segment that follows it; every other tag speaks of the whole playlist. */
const SEGMENT_TAG =
  /^#(EXTINF:|EXT-X-(BYTERANGE|DISCONTINUITY$|KEY|MAP|PROGRAM-DATE-TIME|BITRATE|GAP|DATERANGE))/;

const withoutContext = (lines: readonly string[]): string[] =>
  lines.filter((line) => !KEY.test(line) && !MAP.test(line));

function parse(lines: readonly string[]): { header: string[]; segments: Segment[] } {
  const header: string[] = [];
  const segments: Segment[] = [];
  const ranges = new RangeReader();
  let pending: string[] = [];
  let keys: readonly string[] = [];
  let map: readonly string[] = [];
  /** Shared by all segments for which it holds. */
  let context: readonly string[] = [];
  for (const line of lines) {
    if (SEGMENT_TAG.test(line)) pending.push(line);
    else if (line.startsWith("#EXT-X-ENDLIST")) break;
    else if (line.startsWith("#")) header.push(line);
    else {
      const named = pending.filter((tag) => KEY.test(tag));
      const maps = pending.filter((tag) => MAP.test(tag));
      if (named.length > 0 || maps.length > 0) {
        if (named.length > 0) keys = named;
        if (maps.length > 0) map = maps.slice(-1);
        context = [...keys, ...map];
      }
      const tags = pending.map((tag) => withOffset(tag, line, ranges));
      segments.push({ seconds: secondsOf(pending), lines: [...tags, line], context });
      pending = [];
    }
  }
  return { header, segments };
}

function secondsOf(tags: readonly string[]): number {
  const tag = tags.find((line) => line.startsWith("#EXTINF:"));
  const seconds = tag === undefined ? null : segmentSeconds(tag);
  if (seconds === null)
    throw new SourceFault("network", "the playlist has a segment of unknown duration", { transient: false });
  return seconds;
}

/** A range without an offset begins where the last of its file ended, which may be cut away. */
function withOffset(tag: string, uri: string, ranges: RangeReader): string {
  if (!tag.startsWith("#EXT-X-BYTERANGE:")) return tag;
  const { start, end } = ranges.next(uri, tag.slice("#EXT-X-BYTERANGE:".length).trim());
  return `#EXT-X-BYTERANGE:${end - start}@${start}`;
}
