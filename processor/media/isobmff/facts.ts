import { type BoxView, orNull, UnsupportedMediaError } from "./box-view.ts";
import type { Box } from "./boxes.ts";
import { type Edit, type IndexTrack, readMovieIndex, type Times } from "./movie-index.ts";

/** What an index says about its file, except for the number of channels, which is unreliable. */
export interface IndexFacts {
  readonly durationSeconds: number | undefined;
  readonly video: IndexVideo | undefined;
  readonly audio: IndexAudio | undefined;
}

export interface IndexVideo {
  /** With the API's name. */
  readonly codec: string;
  /** As shown, after rotation. */
  readonly width: number;
  readonly height: number;
  readonly fps: number | undefined;
}

export interface IndexAudio {
  /** With the API's name. */
  readonly codec: string;
}

/** The properties of a track that are known without a tool. */
interface Track {
  readonly video?: IndexVideo;
  readonly audio?: IndexAudio;
  /** How long it is shown. */
  readonly seconds: number;
}

/** Codecs that the sample entry alone identifies. */
const CODECS: Readonly<Record<string, string>> = {
  avc1: "h264",
  avc3: "h264",
  hvc1: "h265",
  hev1: "h265",
  vp08: "vp8",
  vp09: "vp9",
  av01: "av1",
  Opus: "opus",
  fLaC: "flac",
  "ac-3": "ac3",
  "ec-3": "eac3",
};
/** Kinds of `mp4a`, by the object type of its decoder. */
const MP4A_CODECS: Readonly<Record<number, string>> = { 64: "aac", 103: "aac", 105: "mp3", 107: "mp3" };

/** Header and fields of the sample entries, before the boxes inside them. */
const VIDEO_ENTRY_BYTES = 86;
const AUDIO_ENTRY_BYTES = 36;

/** Rotations that a video's matrix may state; `turned` swaps width and height. */
const MATRICES: readonly { readonly abcd: readonly number[]; readonly turned: boolean }[] = [
  { abcd: [1, 0, 0, 1], turned: false },
  { abcd: [-1, 0, 0, -1], turned: false },
  { abcd: [0, 1, -1, 0], turned: true },
  { abcd: [0, -1, 1, 0], turned: true },
];

/**
 * What the index (the `moov` box) of an ISO base media file reports, without starting a tool.
 *
 * @param moov the whole box, including its header
 * @returns null for everything unsupported (fragments, several films, edited timelines, other tracks, unknown codecs,
 * damage): then a tool must inspect the file
 */
export const factsOfIndex = (moov: Uint8Array): IndexFacts | null => orNull(() => readFacts(moov));

function readFacts(moov: Uint8Array): IndexFacts {
  const { view, times, tracks, fragments } = readMovieIndex(moov);
  if (fragments) throw new UnsupportedMediaError("fragments");
  // titles of chapters
  const media = tracks.filter(({ kind }) => kind !== "text");
  const read = media.map((track) => readTrack(view, track, times.timescale));
  const videos = read.flatMap(({ video }) => video ?? []);
  const audios = read.flatMap(({ audio }) => audio ?? []);
  // a tool must decide which of several audio tracks is meant
  if (read.length === 0 || videos.length > 1 || audios.length > 1) throw new UnsupportedMediaError("films");
  const seconds = Math.max(...read.map((track) => track.seconds));
  if (!(seconds > 0)) throw new UnsupportedMediaError("no duration");
  return { durationSeconds: Math.round(seconds * 1e6) / 1e6, video: videos[0], audio: audios[0] };
}

function readTrack(view: BoxView, track: IndexTrack, movieTimescale: number): Track {
  const { edit, entry, header, kind, tables, times } = track;
  const samples = view.uint32(view.only(tables, "stsz").start + 16);
  if (samples === 0) throw new UnsupportedMediaError("no samples");
  const seconds = shownSeconds(edit, movieTimescale, times);
  if (times.duration === 0) throw new UnsupportedMediaError("no duration");
  const fps = (samples * times.timescale) / times.duration;
  if (kind === "vide") return { seconds, video: { ...readVideo(view, entry, header), fps } };
  if (kind === "soun") return { seconds, audio: readAudio(view, entry) };
  throw new UnsupportedMediaError(kind);
}

/**
 * The codec of a track's sample entry, with the API's name.
 *
 * @throws UnsupportedMediaError, RangeError see {@link BoxView}
 */
export function codecOf(view: BoxView, { entry, header, kind }: IndexTrack): string {
  if (kind === "vide") return readVideo(view, entry, header).codec;
  if (kind === "soun") return readAudio(view, entry).codec;
  throw new UnsupportedMediaError(kind);
}

/** All of the media, or what its edit list shows of it. */
function shownSeconds(edit: Edit | null, movieTimescale: number, { timescale, duration }: Times): number {
  if (!edit) return duration / timescale;
  if (edit.shown === 0) throw new UnsupportedMediaError("an edit of another kind");
  const seconds = Math.min(edit.shown / movieTimescale, (duration - edit.skipped) / timescale);
  return edit.delay / movieTimescale + seconds;
}

function readVideo(view: BoxView, entry: Box, header: Box): Omit<IndexVideo, "fps"> {
  const width = view.uint16(entry.start + 32);
  const height = view.uint16(entry.start + 34);
  const codec = CODECS[entry.type];
  if (codec === undefined || width === 0 || height === 0) throw new UnsupportedMediaError(entry.type);
  view.boxes(entry.start + VIDEO_ENTRY_BYTES, entry.end);
  const at = header.start + (view.versionOf(header) === 1 ? 60 : 48);
  const abcd = [0, 4, 12, 16].map((offset) => view.int32(at + offset) / 0x10000);
  const matrix = MATRICES.find((known) => known.abcd.every((value, index) => value === abcd[index]));
  if (!matrix) throw new UnsupportedMediaError("a matrix of another kind");
  return matrix.turned ? { codec, width: height, height: width } : { codec, width, height };
}

function readAudio(view: BoxView, entry: Box): IndexAudio {
  // the entries of QuickTime have further fields
  if (view.uint16(entry.start + 16) !== 0) throw new UnsupportedMediaError("another version");
  const inside = view.boxes(entry.start + AUDIO_ENTRY_BYTES, entry.end);
  const codec = entry.type === "mp4a" ? mp4aCodec(view, view.only(inside, "esds")) : CODECS[entry.type];
  if (codec === undefined) throw new UnsupportedMediaError(entry.type);
  return { codec };
}

/** The object type follows the header of an elementary stream (3), in its decoder's configuration (4). */
function mp4aCodec(view: BoxView, esds: Box): string | undefined {
  const stream = descriptor(view, esds.start + 12, 3);
  if (view.uint8(stream + 2) !== 0) throw new UnsupportedMediaError("a stream that depends on others");
  return MP4A_CODECS[view.uint8(descriptor(view, stream + 3, 4))];
}

/** Where the content of a descriptor begins, whose length takes one to four bytes. */
function descriptor(view: BoxView, start: number, tag: number): number {
  if (view.uint8(start) !== tag) throw new UnsupportedMediaError("another descriptor");
  let position = start + 1;
  while ((view.uint8(position) & 0x80) !== 0 && position < start + 4) position++;
  return position + 1;
}
