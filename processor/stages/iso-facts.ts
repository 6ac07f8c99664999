import type { AudioFacts, VideoFacts } from "../tools/ffprobe.ts";
import { type Box, boxesIn } from "./iso-boxes.ts";

/** What an index tells of its file; the number of channels it tells wrong. */
export interface IndexFacts {
  readonly durationSeconds: number | undefined;
  readonly video: Pick<VideoFacts, "codec" | "width" | "height" | "fps"> | undefined;
  readonly audio: Pick<AudioFacts, "codec"> | undefined;
}

/** What a track is, as far as it is known without a tool. */
interface Track {
  readonly video?: NonNullable<IndexFacts["video"]>;
  readonly audio?: NonNullable<IndexFacts["audio"]>;
  /** For how long it is shown. */
  readonly seconds: number;
}

/** As a header box tells them, `duration` in units of the time scale. */
interface Times {
  readonly timescale: number;
  readonly duration: number;
}

/** Codecs that the sample entry alone tells. */
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

/** Header and fields of the sample entries, in front of the boxes inside them. */
const VIDEO_ENTRY_BYTES = 86;
const AUDIO_ENTRY_BYTES = 36;

/** Turns of the picture that its matrix may ask for; `turned` swaps width and height. */
const MATRICES: readonly { readonly abcd: readonly number[]; readonly turned: boolean }[] = [
  { abcd: [1, 0, 0, 1], turned: false },
  { abcd: [-1, 0, 0, -1], turned: false },
  { abcd: [0, 1, -1, 0], turned: true },
  { abcd: [0, -1, 1, 0], turned: true },
];

/**
 * What the index (the `moov` box) of an ISO base media file tells, without starting a tool.
 *
 * @param moov the whole box, its header included
 * @returns null for everything unusual (fragments, several films, cut up time lines, other tracks, unknown codecs,
 *   damage): a tool must look at the file then
 */
export function factsOfIndex(moov: Uint8Array): IndexFacts | null {
  try {
    return new Index(moov).facts();
  } catch (error) {
    if (error instanceof Unusual || error instanceof RangeError) return null;
    throw error;
  }
}

/** Something that is not judged here. */
class Unusual extends Error {}

class Index {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  facts(): IndexFacts {
    const moov = this.#only(this.#boxes(0, this.#bytes.length), "moov");
    const boxes = this.#boxes(moov.start + 8, moov.end);
    if (boxes.some(({ type }) => type === "mvex")) throw new Unusual("fragments");
    const { timescale } = this.#timesOf(this.#only(boxes, "mvhd"));
    const tracks = boxes.filter(({ type }) => type === "trak").map((box) => this.#track(box, timescale));
    const videos = tracks.flatMap(({ video }) => video ?? []);
    const audios = tracks.flatMap(({ audio }) => audio ?? []);
    if (tracks.length === 0 || videos.length > 1) throw new Unusual("films");
    const seconds = Math.max(...tracks.map((track) => track.seconds));
    if (!(seconds > 0)) throw new Unusual("no duration");
    return { durationSeconds: Math.round(seconds * 1e6) / 1e6, video: videos[0], audio: audios[0] };
  }

  #track(box: Box, movieTimescale: number): Track {
    const boxes = this.#boxes(box.start + 8, box.end);
    const header = this.#only(boxes, "tkhd");
    const mdia = this.#only(boxes, "mdia");
    const media = this.#boxes(mdia.start + 8, mdia.end);
    const times = this.#timesOf(this.#only(media, "mdhd"));
    const kind = this.#text(this.#only(media, "hdlr").start + 16);
    const information = this.#only(media, "minf");
    const table = this.#only(this.#boxes(information.start + 8, information.end), "stbl");
    const tables = this.#boxes(table.start + 8, table.end);
    const sizes = this.#only(tables, "stsz");
    const samples = this.#uint32(sizes.start + 16);
    if (samples === 0) throw new Unusual("no samples");
    const description = this.#only(tables, "stsd");
    if (this.#uint32(description.start + 12) !== 1) throw new Unusual("several descriptions");
    const [entry] = this.#boxes(description.start + 16, description.end);
    if (!entry) throw new Unusual("no description");
    const seconds = this.#shownSeconds(boxes, movieTimescale, times);
    if (times.duration === 0) throw new Unusual("no duration");
    const fps = (samples * times.timescale) / times.duration;
    if (kind === "vide") return { seconds, video: { ...this.#video(entry, header), fps } };
    if (kind === "soun") return { seconds, audio: this.#audio(entry) };
    throw new Unusual(kind);
  }

  /** All of the media, or what one edit shows of it. */
  #shownSeconds(track: readonly Box[], movieTimescale: number, { timescale, duration }: Times): number {
    const edits = track.filter(({ type }) => type === "edts");
    const [edit] = edits;
    if (!edit) return duration / timescale;
    const list = this.#only(this.#boxes(edit.start + 8, edit.end), "elst");
    const isLong = this.#bytes[list.start + 8] === 1;
    if (edits.length > 1 || this.#uint32(list.start + 12) !== 1) throw new Unusual("several edits");
    const at = list.start + 16;
    const seconds = (isLong ? this.#uint64(at) : this.#uint32(at)) / movieTimescale;
    const skipped = isLong ? Number(this.#view.getBigInt64(at + 8)) : this.#view.getInt32(at + 4);
    const rate = this.#view.getInt32(at + (isLong ? 16 : 8));
    if (skipped < 0 || rate !== 0x10000 || seconds === 0) throw new Unusual("an edit of another kind");
    return Math.min(seconds, (duration - skipped) / timescale);
  }

  #video(entry: Box, header: Box): Omit<NonNullable<IndexFacts["video"]>, "fps"> {
    const width = this.#view.getUint16(entry.start + 32);
    const height = this.#view.getUint16(entry.start + 34);
    const codec = CODECS[entry.type];
    if (codec === undefined || width === 0 || height === 0) throw new Unusual(entry.type);
    this.#boxes(entry.start + VIDEO_ENTRY_BYTES, entry.end);
    const at = header.start + (this.#bytes[header.start + 8] === 1 ? 60 : 48);
    const abcd = [0, 4, 12, 16].map((offset) => this.#view.getInt32(at + offset) / 0x10000);
    const matrix = MATRICES.find((known) => known.abcd.every((value, index) => value === abcd[index]));
    if (!matrix) throw new Unusual("a matrix of another kind");
    return matrix.turned ? { codec, width: height, height: width } : { codec, width, height };
  }

  #audio(entry: Box): NonNullable<IndexFacts["audio"]> {
    // the entries of QuickTime have further fields
    if (this.#view.getUint16(entry.start + 16) !== 0) throw new Unusual("another version");
    const inside = this.#boxes(entry.start + AUDIO_ENTRY_BYTES, entry.end);
    const codec = entry.type === "mp4a" ? this.#mp4aCodec(this.#only(inside, "esds")) : CODECS[entry.type];
    if (codec === undefined) throw new Unusual(entry.type);
    return { codec };
  }

  /** The object type stands behind the head of an elementary stream (3), in its decoder's configuration (4). */
  #mp4aCodec(esds: Box): string | undefined {
    const stream = this.#descriptor(esds.start + 12, 3);
    const flags = this.#bytes[stream + 2];
    if (flags !== 0) throw new Unusual("a stream that depends on others");
    return MP4A_CODECS[this.#bytes[this.#descriptor(stream + 3, 4)] ?? 0];
  }

  /** Where the content of a descriptor begins, whose length takes one to four bytes. */
  #descriptor(start: number, tag: number): number {
    if (this.#bytes[start] !== tag) throw new Unusual("another descriptor");
    let position = start + 1;
    while (((this.#bytes[position] ?? 0) & 0x80) !== 0 && position < start + 4) position++;
    return position + 1;
  }

  #timesOf(box: Box): Times {
    const isLong = this.#bytes[box.start + 8] === 1;
    const timescale = this.#uint32(box.start + (isLong ? 28 : 20));
    const duration = isLong ? this.#uint64(box.start + 32) : this.#uint32(box.start + 24);
    if (timescale === 0) throw new Unusual("no time scale");
    return { timescale, duration };
  }

  #boxes(start: number, end: number): Box[] {
    const boxes = boxesIn(this.#bytes, start, end);
    if (!boxes) throw new Unusual("damage");
    return boxes;
  }

  #only(boxes: readonly Box[], type: string): Box {
    const [box, another] = boxes.filter((candidate) => candidate.type === type);
    if (!box || another) throw new Unusual(type);
    return box;
  }

  #uint32(at: number): number {
    return this.#view.getUint32(at);
  }

  #uint64(at: number): number {
    return Number(this.#view.getBigUint64(at));
  }

  #text(at: number): string {
    return String.fromCharCode(...this.#bytes.subarray(at, at + 4));
  }
}
