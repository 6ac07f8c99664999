import { type Chapter, chapterList, chapterTrack } from "./chapter-track.ts";
import { dataInformation, handlerBox, headerBox, UNITY_MATRIX } from "./common-boxes.ts";
import type { SampleTables, TableOptions } from "./sample-tables.ts";
import { keptTables } from "./samples.ts";
import type { SourceTrack } from "./source-track.ts";
import { box, fullBox, MAX_INT32, uint16, uint32, uint64 } from "./write-boxes.ts";

/** The index of a file that is made of tracks of others. */

/** Names of tags, and of the items that hold them. */
const ITEMS = { title: "©nam", artist: "©ART", date: "©day" } as const;

/** What a file tells of itself in words. */
export type Tags = { readonly [name in keyof typeof ITEMS]: string | null };

/** What a file tells of itself. */
export interface About {
  readonly tags: Tags;
  /** A JPEG picture. */
  readonly cover: Buffer | null;
  /** In their order; the first one begins with the film. */
  readonly chapters: readonly Chapter[];
}

/** Of the film, per second; the usual one. */
const TIMESCALE = 1000;
const ENABLED_IN_MOVIE = 3;
/** Types of what an item holds. */
const UTF8 = 1;
const JPEG = 13;
/** Fields of `tkhd` that say how a track is shown, at its end: layer, group, volume, matrix, width, height. */
const SHOWN_AS_BYTES = 60;

/** A track, with the tables of its samples in the new file. */
export interface OutputTrack {
  readonly source: SourceTrack;
  readonly tables: SampleTables;
}

/** Where the media begins, and how wide the offsets of its samples are. */
type Place = Omit<TableOptions, "hasKeyFrames">;

/** The whole `moov` box. */
export function movieBox(tracks: readonly OutputTrack[], about: About, place: Place): Buffer {
  const duration = Math.max(...tracks.map(shownTime));
  const { chapters } = about;
  const chapterId = chapters.length === 0 ? null : tracks.length + 1;
  const boxes = tracks.map((track, index) => trackBox(track, index + 1, chapterId, place));
  if (chapterId !== null) boxes.push(chapterTrack(chapters, chapterId, place));
  return box("moov", movieHeader(duration, boxes.length + 1), ...boxes, ...userData(about));
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
  headerBox(
    "mvhd",
    0,
    duration,
    [TIMESCALE],
    ...[uint32(0x10000), uint16(0x100, 0), uint32(0, 0), UNITY_MATRIX, Buffer.alloc(24), uint32(nextTrack)],
  );

function trackBox(output: OutputTrack, id: number, chapterId: number | null, place: Place): Buffer {
  const { source, tables } = output;
  const edit = editOf(output);
  const { track, index } = source;
  const isPicture = track.kind === "vide";
  const { view } = index;
  const { end } = track.header;
  const shownAs = view.bytes.subarray(end - SHOWN_AS_BYTES, end);
  const header = headerBox("tkhd", ENABLED_IN_MOVIE, shownTime(output), [id, 0], shownAs);
  const language = uint16(languageOf(source), 0);
  const mediaHeader = headerBox("mdhd", 0, tables.duration, [track.times.timescale], language);
  const information = track.information.filter(({ type }) => type === "vmhd" || type === "smhd");
  const sampleBoxes = [
    view.bytesOf(track.description),
    ...tables.boxes({ ...place, hasKeyFrames: isPicture }),
    ...(source.isPlanned ? keptTables(track.tables) : []).map((kept) => view.bytesOf(kept)),
  ];
  const media = box(
    "mdia",
    mediaHeader,
    handlerBox(track.kind, "\0\0\0\0", isPicture ? "VideoHandler" : "SoundHandler"),
    box(
      "minf",
      ...information.map((one) => view.bytesOf(one)),
      dataInformation(),
      box("stbl", ...sampleBoxes),
    ),
  );
  const edits = edit ? [box("edts", editList(edit))] : [];
  const reference = chapterId === null ? [] : [box("tref", box("chap", uint32(chapterId)))];
  return box("trak", header, ...edits, ...reference, media);
}

/** Behind the times, which are longer in version 1. */
function languageOf({ index: { view }, track: { mediaHeader } }: SourceTrack): number {
  return view.uint16(mediaHeader.start + (view.versionOf(mediaHeader) === 1 ? 40 : 28));
}

function editList({ shown, skipped }: OutputEdit): Buffer {
  const isLong = Math.max(shown, skipped) > MAX_INT32;
  const time = isLong ? uint64 : uint32;
  return fullBox("elst", isLong ? 1 : 0, 0, uint32(1), time(shown), time(skipped), uint16(1, 0));
}

/** As the players of Apple and most others read it. */
function userData({ chapters, cover, tags }: About): Buffer[] {
  const words = (Object.keys(ITEMS) as (keyof typeof ITEMS)[]).flatMap((name) => {
    const value = tags[name];
    return value === null ? [] : [item(ITEMS[name], UTF8, Buffer.from(value))];
  });
  const items = [...words, ...(cover === null ? [] : [item("covr", JPEG, cover)])];
  const list = fullBox("meta", 0, 0, handlerBox("mdir", "appl", ""), box("ilst", ...items));
  const boxes = [
    ...(items.length === 0 ? [] : [list]),
    ...(chapters.length === 0 ? [] : [chapterList(chapters)]),
  ];
  return boxes.length === 0 ? [] : [box("udta", ...boxes)];
}

const item = (name: string, type: number, value: Buffer): Buffer =>
  box(name, box("data", uint32(type, 0), value));
