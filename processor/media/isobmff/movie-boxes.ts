import { type Chapter, chapterList, chapterTrack } from "./chapter-track.ts";
import { dataInformation, handlerBox, headerBox, UNITY_MATRIX } from "./common-boxes.ts";
import type { MediaTrack } from "./media-source.ts";
import { NOTHING } from "./movie-index.ts";
import type { SampleTables, TableOptions } from "./sample-tables.ts";
import { box, fullBox, MAX_INT32, uint16, uint32, uint64 } from "./write-boxes.ts";

/** The index of a file that consists of other files' tracks. */

/** Names of tags, and of the items that contain them. */
const ITEMS = { title: "©nam", artist: "©ART", date: "©day" } as const;

/** What a file says about itself in words. */
export type Tags = { readonly [name in keyof typeof ITEMS]: string | null };

/** What a file says about itself. */
export interface About {
  readonly tags: Tags;
  /** A JPEG image. */
  readonly cover: Buffer | null;
  /** In their order; the first one begins with the film. */
  readonly chapters: readonly Chapter[];
}

/** The time scale of the film, per second; the usual one. */
const TIMESCALE = 1000;
const ENABLED_IN_MOVIE = 3;
/** Types of an item's content. */
const UTF8 = 1;
const JPEG = 13;

/** A track, with the tables of its samples in the new file. */
export interface OutputTrack {
  readonly track: MediaTrack;
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

/** `delay` and `shown` in the film's time scale, `skipped` in that of the track. */
interface OutputEdit {
  readonly delay: number;
  readonly skipped: number;
  readonly shown: number;
}

function editOf({ track: { edit, timescale }, tables }: OutputTrack): OutputEdit | null {
  if (edit === null) return null;
  const { delay, shown, skipped } = edit;
  const rest = Math.max(0, tables.shownUntil - skipped) / timescale;
  const seconds = Math.min(rest, shown ?? Number.POSITIVE_INFINITY);
  return { delay: Math.floor(delay * TIMESCALE), skipped, shown: Math.ceil(seconds * TIMESCALE) };
}

/** Its duration in the new film, in the film's time scale. */
function shownTime(output: OutputTrack): number {
  const edit = editOf(output);
  if (edit) return edit.delay + edit.shown;
  return Math.ceil((output.tables.duration / output.track.timescale) * TIMESCALE);
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
  const { track, tables } = output;
  const edit = editOf(output);
  const isVideo = track.kind === "vide";
  const header = headerBox("tkhd", ENABLED_IN_MOVIE, shownTime(output), [id, 0], track.shownAs);
  const language = uint16(track.language, 0);
  const mediaHeader = headerBox("mdhd", 0, tables.duration, [track.timescale], language);
  const sampleBoxes = [
    track.description,
    ...tables.boxes({ ...place, hasKeyFrames: isVideo }),
    ...track.tables,
  ];
  const media = box(
    "mdia",
    mediaHeader,
    handlerBox(track.kind, "\0\0\0\0", isVideo ? "VideoHandler" : "SoundHandler"),
    box("minf", ...track.information, dataInformation(), box("stbl", ...sampleBoxes)),
  );
  const edits = edit ? [box("edts", editList(edit))] : [];
  const reference = chapterId === null ? [] : [box("tref", box("chap", uint32(chapterId)))];
  return box("trak", header, ...edits, ...reference, media);
}

function editList({ delay, shown, skipped }: OutputEdit): Buffer {
  const isLong = Math.max(delay, shown, skipped) > MAX_INT32;
  const time = isLong ? uint64 : uint32;
  const entries = [...(delay === 0 ? [] : [[delay, NOTHING]]), [shown, skipped]];
  return fullBox(
    "elst",
    isLong ? 1 : 0,
    0,
    uint32(entries.length),
    ...entries.map(([seconds = 0, from = 0]) =>
      Buffer.concat([time(seconds), from === NOTHING ? time(0).fill(0xff) : time(from), uint16(1, 0)]),
    ),
  );
}

/** As Apple's players and most others read it. */
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
