import { BoxView, UnsupportedMediaError } from "./box-view.ts";
import type { Box } from "./boxes.ts";

/** As a header box states them, `duration` in units of the time scale (per second). */
export interface Times {
  readonly timescale: number;
  readonly duration: number;
}

/** The only edit of a track: what its viewers see of it. */
export interface Edit {
  /** How long nothing is shown before it, in units of the film's time scale. */
  readonly delay: number;
  /** In units of the film's time scale; 0 in a fragmented file: all of it. */
  readonly shown: number;
  /** What is left out before that, in units of the track's time scale. */
  readonly skipped: number;
}

/** The positions of a track's parts in its index. */
export interface IndexTrack {
  /** The kind of media. @example "vide" */
  readonly kind: string;
  /** `tkhd` and `mdhd`. */
  readonly header: Box;
  readonly mediaHeader: Box;
  readonly times: Times;
  readonly edit: Edit | null;
  /** In addition to the tables: `vmhd`, `smhd`, `dinf`. */
  readonly information: readonly Box[];
  /** The tables of `stbl`. */
  readonly tables: readonly Box[];
  /** `stsd`, and the one sample entry in it. */
  readonly description: Box;
  readonly entry: Box;
}

/** The index of a file. */
export interface MovieIndex {
  readonly view: BoxView;
  /** Of the film. */
  readonly times: Times;
  readonly tracks: readonly IndexTrack[];
  /** `mvex`: fragments report the samples. */
  readonly fragments: Box | undefined;
}

const EDIT_RATE_ONE = 0x10000;

/**
 * Finds the parts of an index.
 *
 * @param moov the whole box, including its header
 * @throws UnsupportedMediaError, RangeError see {@link BoxView}; also for tracks with several descriptions or edits
 */
export function readMovieIndex(moov: Uint8Array): MovieIndex {
  const view = new BoxView(moov);
  const boxes = view.inside(view.only(view.boxes(), "moov"));
  return {
    view,
    times: timesOf(view, view.only(boxes, "mvhd")),
    tracks: boxes.filter(({ type }) => type === "trak").map((box) => readTrack(view, box)),
    fragments: view.atMostOne(boxes, "mvex"),
  };
}

function readTrack(view: BoxView, track: Box): IndexTrack {
  const boxes = view.inside(track);
  const media = view.inside(view.only(boxes, "mdia"));
  const mediaHeader = view.only(media, "mdhd");
  const handler = view.only(media, "hdlr");
  const information = view.inside(view.only(media, "minf"));
  const tables = view.inside(view.only(information, "stbl"));
  const description = view.only(tables, "stsd");
  const [entry] = view.boxes(description.start + 16, description.end);
  if (!entry || view.uint32(description.start + 12) !== 1)
    throw new UnsupportedMediaError("several descriptions");
  return {
    ...{ kind: view.text(handler.start + 16), header: view.only(boxes, "tkhd"), mediaHeader },
    ...{ times: timesOf(view, mediaHeader), edit: readEdit(view, view.atMostOne(boxes, "edts")) },
    ...{ information, tables, description, entry },
  };
}

function timesOf(view: BoxView, box: Box): Times {
  const isLong = view.versionOf(box) === 1;
  const timescale = view.uint32(box.start + (isLong ? 28 : 20));
  const duration = isLong ? view.uint64(box.start + 32) : view.uint32(box.start + 24);
  if (timescale === 0) throw new UnsupportedMediaError("no time scale");
  return { timescale, duration };
}

/** Instead of where the media begins: nothing is shown. */
export const NOTHING = -1;

function readEdit(view: BoxView, edits: Box | undefined): Edit | null {
  if (!edits) return null;
  const list = view.only(view.inside(edits), "elst");
  const isLong = view.versionOf(list) === 1;
  const entries = Array.from({ length: Math.min(3, view.uint32(list.start + 12)) }, (_, index) => {
    const at = list.start + 16 + index * (isLong ? 20 : 12);
    if (view.int32(at + (isLong ? 16 : 8)) !== EDIT_RATE_ONE)
      throw new UnsupportedMediaError("an edit of another kind");
    return isLong
      ? { length: view.uint64(at), from: view.int64(at + 8) }
      : { length: view.uint32(at), from: view.int32(at + 4) };
  });
  const delay = entries[0]?.from === NOTHING ? (entries.shift()?.length ?? 0) : 0;
  const [edit, another] = entries;
  if (!edit || another) throw new UnsupportedMediaError("several edits");
  if (edit.from < 0) throw new UnsupportedMediaError("an edit of another kind");
  return { delay, shown: edit.length, skipped: edit.from };
}
