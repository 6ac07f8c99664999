import { SampleTables } from "./sample-tables.ts";
import { keptTables } from "./samples.ts";
import type { SourceTrack } from "./source-track.ts";
import type { Turn } from "./turns.ts";
import { box, fullBox, uint16, uint32, uint64 } from "./write-boxes.ts";

/** What a file tells of itself. */
export interface Tags {
  readonly title: string | null;
  readonly artist: string | null;
  /** ISO 8601. */
  readonly date: string | null;
}

export interface JoinedMovieOptions {
  /** Main brand of the file. @example "isom" */
  readonly brand: string;
  readonly tags: Tags;
}

/** Of the film, per second; the usual one. */
const TIMESCALE = 1000;
const ENABLED_IN_MOVIE = 3;
const OWN_FILE = 1;
const UTF8 = 1;
const UNITY_MATRIX = uint32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);
/** Fields of `tkhd` that say how a track is shown, at its end: layer, group, volume, matrix, width, height. */
const SHOWN_AS_BYTES = 60;
/** A `free` box has at least its header. */
const SMALLEST_BOX_BYTES = 8;
/** Bytes in front of the media in its box, with a length of 64 bits. */
const MEDIA_HEADER_BYTES = 16;
/** Files up to this size have offsets of 32 bits; in front of the media stands less than the difference. */
const MAX_SHORT_BYTES = 2 ** 32 - 2 ** 26;

/**
 * A file of tracks from several sources, as an index with the media behind it. The tracks stay what they are; only where
 * their samples stand is written anew.
 *
 * @example
 * const movie = new JoinedMovie(sources, { brand: "isom", tags });
 * for await (const turn of inTurns(sources)) movie.add(turn);
 * const front = movie.front(); // all bytes in front of the media
 */
export class JoinedMovie {
  /** Bytes of all chunks so far. */
  mediaBytes = 0;
  readonly #options: JoinedMovieOptions;
  readonly #tables: ReadonlyMap<SourceTrack, SampleTables>;

  constructor(sources: readonly SourceTrack[], options: JoinedMovieOptions) {
    this.#options = options;
    this.#tables = new Map(sources.map((source) => [source, new SampleTables()]));
  }

  /** Notes that the next bytes of the media are a chunk of this track. */
  add({ source, chunk }: Turn): void {
    this.#tables.get(source)?.add(chunk, this.mediaBytes);
    this.mediaBytes += chunk.bytes;
  }

  /**
   * Everything in front of the media.
   *
   * @param roomBytes exact length of it; by default it is as long as it must be
   * @throws FrontTooSmall
   */
  front(roomBytes?: number): { readonly bytes: Buffer; readonly index: Buffer } {
    const { brand } = this.#options;
    const type = box("ftyp", ascii(brand), uint32(0x200), ...["isom", "iso2", "mp41"].map(ascii));
    const isLong = this.mediaBytes > MAX_SHORT_BYTES;
    const needed = type.length + this.#index(0, isLong).length + MEDIA_HEADER_BYTES;
    const start = roomBytes ?? needed;
    const free = start - needed;
    if (free !== 0 && free < SMALLEST_BOX_BYTES) throw new FrontTooSmall(SMALLEST_BOX_BYTES - free);
    const index = this.#index(start, isLong);
    const bytes = [
      ...[type, index, ...(free === 0 ? [] : [box("free", Buffer.alloc(free - SMALLEST_BOX_BYTES))])],
      ...[uint32(1), ascii("mdat"), uint64(MEDIA_HEADER_BYTES + this.mediaBytes)],
    ];
    return { bytes: Buffer.concat(bytes), index };
  }

  #index(mediaStart: number, isLong: boolean): Buffer {
    const tracks = [...this.#tables].map(([source, tables], index) => ({
      ...{ id: index + 1, source, tables },
      edit: editOf(source, tables),
    }));
    const duration = Math.max(...tracks.map(({ source, tables, edit }) => shownTime(source, tables, edit)));
    const boxes = tracks.map((track) => trackBox(track, mediaStart, isLong));
    return box("moov", movieHeader(duration, tracks.length + 1), ...boxes, ...userData(this.#options.tags));
  }
}

/** There is less room in front of the media than the index needs. */
export class FrontTooSmall extends Error {
  readonly missingBytes: number;

  constructor(missingBytes: number) {
    super(`${missingBytes} bytes are missing in front of the media`);
    this.missingBytes = missingBytes;
  }
}

interface OutputTrack {
  readonly id: number;
  readonly source: SourceTrack;
  readonly tables: SampleTables;
  readonly edit: OutputEdit | null;
}

/** Times of the film and of the track. */
interface OutputEdit {
  readonly shown: number;
  readonly skipped: number;
}

/** The source's edit in the time of the new film; in a fragmented source it shows all that there is. */
function editOf({ index, track }: SourceTrack, tables: SampleTables): OutputEdit | null {
  const { edit, times } = track;
  if (edit === null) return null;
  const { shown, skipped } = edit;
  const rest = Math.max(0, tables.shownUntil - skipped) / times.timescale;
  const seconds = shown === 0 ? rest : Math.min(rest, shown / index.times.timescale);
  return { shown: Math.ceil(seconds * TIMESCALE), skipped };
}

const shownTime = ({ track }: SourceTrack, { duration }: SampleTables, edit: OutputEdit | null): number =>
  edit?.shown ?? Math.ceil((duration / track.times.timescale) * TIMESCALE);

const movieHeader = (duration: number, nextTrack: number): Buffer =>
  fullBox(
    "mvhd",
    1,
    0,
    ...[uint64(0), uint64(0), uint32(TIMESCALE), uint64(duration)],
    ...[uint32(0x10000), uint16(0x100, 0), uint32(0, 0), UNITY_MATRIX, Buffer.alloc(24), uint32(nextTrack)],
  );

function trackBox(output: OutputTrack, mediaStart: number, isLong: boolean): Buffer {
  const { edit, id, source, tables } = output;
  const { track, index } = source;
  const { view } = index;
  const { end } = track.header;
  const header = fullBox(
    "tkhd",
    1,
    ENABLED_IN_MOVIE,
    ...[uint64(0), uint64(0), uint32(id, 0), uint64(shownTime(source, tables, edit))],
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
    view.bytesOf(track.handler),
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
function userData({ title, artist, date }: Tags): Buffer[] {
  const items = [
    ...[tag("©nam", title), tag("©ART", artist), tag("©day", date)].filter((item) => item !== null),
  ];
  if (items.length === 0) return [];
  const handler = fullBox("hdlr", 0, 0, uint32(0), ascii("mdirappl"), uint32(0, 0), Buffer.alloc(1));
  return [box("udta", fullBox("meta", 0, 0, handler, box("ilst", ...items)))];
}

const tag = (name: string, value: string | null): Buffer | null =>
  value === null ? null : box(name, box("data", uint32(UTF8, 0), Buffer.from(value)));

const ascii = (text: string): Buffer => Buffer.from(text, "latin1");
