import type { SampleTables } from "./sample-tables.ts";
import { keptTables } from "./samples.ts";
import type { SourceTrack } from "./source-track.ts";
import { ascii, box, fullBox, uint16, uint32, uint64 } from "./write-boxes.ts";

/** The index of a file that is made of tracks of others. */

/** Names of tags, and of the items that hold them. */
const ITEMS = { title: "©nam", artist: "©ART", date: "©day" } as const;

/** What a file tells of itself. */
export type Tags = { readonly [name in keyof typeof ITEMS]: string | null };

/** Of the film, per second; the usual one. */
const TIMESCALE = 1000;
const ENABLED_IN_MOVIE = 3;
const OWN_FILE = 1;
const UTF8 = 1;
const UNITY_MATRIX = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** Fields of `tkhd` that say how a track is shown, at its end: layer, group, volume, matrix, width, height. */
const SHOWN_AS_BYTES = 60;

/** A track, with the tables of its samples in the new file. */
export interface OutputTrack {
  readonly source: SourceTrack;
  readonly tables: SampleTables;
}

/**
 * The whole `moov` box.
 *
 * @param mediaStart where the media begins in the file
 * @param isLong offsets of 64 bits
 */
export function movieBox(
  tracks: readonly OutputTrack[],
  tags: Tags,
  mediaStart: number,
  isLong: boolean,
): Buffer {
  const duration = Math.max(...tracks.map(shownTime));
  const boxes = tracks.map((track, index) => trackBox(track, index + 1, mediaStart, isLong));
  return box("moov", movieHeader(duration, tracks.length + 1), ...boxes, ...userData(tags));
}

/** Times of the film and of the track. */
interface OutputEdit {
  readonly shown: number;
  readonly skipped: number;
}

/** The source's edit in the time of the new film; in a fragmented source it shows all that there is. */
function editOf({ source: { index, track }, tables }: OutputTrack): OutputEdit | null {
  const { edit, times } = track;
  if (edit === null) return null;
  const { shown, skipped } = edit;
  const rest = Math.max(0, tables.shownUntil - skipped) / times.timescale;
  const seconds = shown === 0 ? rest : Math.min(rest, shown / index.times.timescale);
  return { shown: Math.ceil(seconds * TIMESCALE), skipped };
}

/** How long it is in the new film, in its time. */
function shownTime(output: OutputTrack): number {
  const { source, tables } = output;
  const seconds = tables.duration / source.track.times.timescale;
  return editOf(output)?.shown ?? Math.ceil(seconds * TIMESCALE);
}

const movieHeader = (duration: number, nextTrack: number): Buffer =>
  fullBox(
    "mvhd",
    1,
    0,
    ...[uint64(0), uint64(0), uint32(TIMESCALE), uint64(duration)],
    ...[uint32(0x10000), uint16(0x100, 0), uint32(0, 0), UNITY_MATRIX, Buffer.alloc(24), uint32(nextTrack)],
  );

function trackBox(output: OutputTrack, id: number, mediaStart: number, isLong: boolean): Buffer {
  const { source, tables } = output;
  const edit = editOf(output);
  const { track, index } = source;
  const { view } = index;
  const { end } = track.header;
  const header = fullBox(
    "tkhd",
    1,
    ENABLED_IN_MOVIE,
    ...[uint64(0), uint64(0), uint32(id, 0), uint64(shownTime(output))],
    view.bytes.subarray(end - SHOWN_AS_BYTES, end),
  );
  const mediaHeader = fullBox(
    "mdhd",
    1,
    0,
    ...[uint64(0), uint64(0), uint32(track.times.timescale), uint64(tables.duration)],
    ...[uint16(languageOf(source), 0)],
  );
  const information = track.information.filter(({ type }) => type === "vmhd" || type === "smhd");
  const sampleBoxes = [
    view.bytesOf(track.description),
    ...tables.boxes(mediaStart, isLong),
    ...(source.isPlanned ? keptTables(track.tables) : []).map((kept) => view.bytesOf(kept)),
  ];
  const media = box(
    "mdia",
    mediaHeader,
    handlerBox(track.kind, "\0\0\0\0", track.kind === "vide" ? "VideoHandler" : "SoundHandler"),
    box(
      "minf",
      ...information.map((one) => view.bytesOf(one)),
      box("dinf", fullBox("dref", 0, 0, uint32(1), fullBox("url ", 0, OWN_FILE))),
      box("stbl", ...sampleBoxes),
    ),
  );
  return box("trak", header, ...(edit ? [box("edts", editList(edit))] : []), media);
}

/** Behind the times, which are longer in version 1. */
function languageOf({ index: { view }, track: { mediaHeader } }: SourceTrack): number {
  return view.uint16(mediaHeader.start + (view.versionOf(mediaHeader) === 1 ? 40 : 28));
}

const editList = ({ shown, skipped }: OutputEdit): Buffer =>
  fullBox("elst", 1, 0, uint32(1), uint64(shown), uint64(skipped), uint16(1), uint16(0));

/** Tags as the players of Apple and most others read them. */
function userData(tags: Tags): Buffer[] {
  const items = (Object.keys(ITEMS) as (keyof typeof ITEMS)[]).flatMap((name) => {
    const value = tags[name];
    return value === null ? [] : [box(ITEMS[name], box("data", uint32(UTF8, 0), Buffer.from(value)))];
  });
  if (items.length === 0) return [];
  return [box("udta", fullBox("meta", 0, 0, handlerBox("mdir", "appl", ""), box("ilst", ...items)))];
}

/** Says what kind of thing is described. */
const handlerBox = (kind: string, maker: string, name: string): Buffer =>
  fullBox("hdlr", 0, 0, ascii(`\0\0\0\0${kind}${maker}`), uint32(0, 0), ascii(`${name}\0`));
