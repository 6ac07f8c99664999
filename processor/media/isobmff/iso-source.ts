import { type BoxView, UnsupportedMediaError } from "./box-view.ts";
import { parseBox } from "./boxes.ts";
import type { ByteStream } from "./byte-stream.ts";
import { codecOf } from "./facts.ts";
import { type FragmentDefaults, fragmentDefaults, readFragment } from "./fragments.ts";
import {
  CHUNK_SECONDS,
  type Chunk,
  type InterleavedChunk,
  type MediaSource,
  type MediaTrack,
} from "./media-source.ts";
import { type IndexTrack, type MovieIndex, readMovieIndex } from "./movie-index.ts";
import { keptTables, type PlacedSample, samplesOfTables } from "./samples.ts";

/** Samples that are consecutive in the source, too. */
interface PlacedChunk extends Chunk {
  /** Position of its first byte in the source. */
  readonly offset: number;
}

/** Far more than a second contains, unless a damaged table says that samples last no time. */
const CHUNK_SAMPLES = 1 << 14;
/** About five hours of film; a larger index is left to the tool, so that it does not fill this process's memory. */
const MAX_INDEX_BYTES = 8 << 20;
const MAX_FRAGMENT_HEAD_BYTES = 4 << 20;
/** Boxes before the index, or before the media of a fragment. */
const MAX_BOXES_IN_FRONT = 1024;
/** After this many samples or boxes, other work gets its turn: a few bytes can announce millions of them. */
const SAMPLES_AT_ONCE = 1 << 14;

/** Lets the event loop run once. */
const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface StreamBox {
  readonly type: string;
  /** Bytes after its header; infinite for one that ends with the stream. */
  readonly contentBytes: number;
  readonly header: Buffer;
}

/**
 * The only track of a stream that is an ISO base media file, plain or fragmented, with its index in front. After {@link
 * openIsoSource}, the stream is positioned after the index.
 */
class IsoSource implements MediaSource {
  readonly tracks: readonly [MediaTrack];
  readonly isPlanned: boolean;
  readonly #stream: ByteStream;
  readonly #index: MovieIndex;
  readonly #track: IndexTrack;
  readonly #defaults: FragmentDefaults | null;

  constructor(stream: ByteStream, index: MovieIndex) {
    const [track, another] = index.tracks;
    if (!track || another) throw new UnsupportedMediaError("several tracks");
    this.#stream = stream;
    this.#index = index;
    this.#track = track;
    this.#defaults = index.fragments ? fragmentDefaults(index.view, index.fragments) : null;
    this.isPlanned = this.#defaults === null;
    this.tracks = [describe(index, track)];
  }

  async *interleavedChunks(): AsyncGenerator<InterleavedChunk> {
    const [track] = this.tracks;
    for await (const chunk of this.#chunks()) {
      yield { track, chunk, streamTo: (onChunk) => this.#streamTo(chunk, onChunk) };
    }
  }

  async #streamTo(chunk: PlacedChunk, onChunk: (bytes: Buffer) => Promise<void> | void): Promise<void> {
    const stream = this.#stream;
    if (chunk.offset < stream.position) throw new UnsupportedMediaError("samples in another order");
    await stream.skip(chunk.offset - stream.position);
    await stream.streamTo(chunk.bytes, onChunk);
  }

  async *#chunks(): AsyncGenerator<PlacedChunk> {
    const [index, track] = [this.#index, this.#track];
    const { timescale } = track.times;
    const chunks = this.#defaults
      ? this.#chunksOfFragments(this.#defaults)
      : chunksOf(samplesOfTables(index.view, track.tables), timescale);
    let isFirst = true;
    let samples = 0;
    for await (const chunk of chunks) {
      samples += chunk.samples.length;
      if (samples >= SAMPLES_AT_ONCE) {
        samples = 0;
        await othersTurn();
      }
      // ffmpeg moves what begins late to the beginning, so that audio and video of careless packagers stay in sync
      if (isFirst && this.#beginsLate(chunk)) throw new UnsupportedMediaError("a beginning without anything");
      isFirst = false;
      yield chunk;
    }
  }

  #beginsLate({ samples: [first] }: Chunk): boolean {
    const { delay, skipped } = this.#track.edit ?? { delay: 0, skipped: 0 };
    return delay > 0 || (first !== undefined && first.time + first.shift > skipped);
  }

  async *#chunksOfFragments(defaults: FragmentDefaults): AsyncGenerator<PlacedChunk> {
    const [stream, track] = [this.#stream, this.#track];
    let last: PlacedSample | undefined;
    for (let boxes = 1; !(await stream.hasEnded()); boxes++) {
      if (boxes % SAMPLES_AT_ONCE === 0) await othersTurn();
      const position = stream.position;
      const box = await readHeader(stream);
      if (box.type === "moov") throw new UnsupportedMediaError("a second index");
      if (box.type !== "moof") {
        await stream.skip(box.contentBytes);
        continue;
      }
      const head = await readContent(stream, box, MAX_FRAGMENT_HEAD_BYTES);
      const samples = readFragment(head, position, last ? last.time + last.duration : 0, defaults);
      const [first] = samples;
      // where one ends is often rounded; it is enough that the next one begins after its last sample
      if (first && last && first.time <= last.time)
        throw new UnsupportedMediaError("fragments in another order");
      const media = await this.#nextMedia();
      const mediaStart = stream.position;
      const mediaEnd = mediaStart + media.contentBytes;
      for (const chunk of chunksOf(samples, track.times.timescale)) {
        if (chunk.offset < mediaStart || chunk.offset + chunk.bytes > mediaEnd)
          throw new UnsupportedMediaError("media outside");
        yield chunk;
      }
      await stream.skip(mediaEnd - stream.position);
      last = samples.at(-1) ?? last;
    }
  }

  async #nextMedia(): Promise<StreamBox> {
    for (let boxes = 0; boxes < MAX_BOXES_IN_FRONT; boxes++) {
      const box = await readHeader(this.#stream);
      if (box.type === "mdat" && box.contentBytes < Number.POSITIVE_INFINITY) return box;
      if (box.type === "moof" || box.type === "moov" || box.type === "mdat")
        throw new UnsupportedMediaError(box.type);
      await this.#stream.skip(box.contentBytes);
    }
    throw new UnsupportedMediaError("a fragment without media");
  }
}

/**
 * Reads a stream up to the end of its index.
 *
 * @throws UnsupportedMediaError, RangeError see `BoxView`; EndedEarlyError
 */
export async function openIsoSource(stream: ByteStream): Promise<MediaSource> {
  for (let boxes = 0; boxes < MAX_BOXES_IN_FRONT; boxes++) {
    const isFirst = stream.position === 0;
    const box = await readHeader(stream);
    if (isFirst && box.type !== "ftyp" && box.type !== "styp")
      throw new UnsupportedMediaError("another kind of file");
    if (box.type === "mdat" || box.type === "moof")
      throw new UnsupportedMediaError("media in front of the index");
    if (box.type === "moov") {
      const moov = await readContent(stream, box, MAX_INDEX_BYTES);
      return new IsoSource(stream, readMovieIndex(moov));
    }
    await stream.skip(box.contentBytes);
  }
  throw new UnsupportedMediaError("no index");
}

/** Fields of `tkhd` that say how a track is shown, at its end. */
const SHOWN_AS_BYTES = 60;

/** The track for a new file: everything stays unchanged except for the positions of its samples. */
function describe({ view, fragments, times }: MovieIndex, track: IndexTrack): MediaTrack {
  const { edit, header } = track;
  const information = track.information.filter(({ type }) => type === "vmhd" || type === "smhd");
  // fragments have such tables of their own
  const tables = fragments ? [] : keptTables(track.tables);
  return {
    ...{ kind: track.kind, codec: codecOf(view, track), entry: track.entry.type },
    timescale: track.times.timescale,
    // in a fragmented source it shows everything
    edit: edit && {
      ...{ delay: 0, skipped: edit.skipped },
      shown: edit.shown === 0 ? null : edit.shown / times.timescale,
    },
    description: view.bytesOf(track.description),
    shownAs: view.bytes.subarray(header.end - SHOWN_AS_BYTES, header.end),
    information: information.map((box) => view.bytesOf(box)),
    language: languageOf(view, track),
    tables: tables.map((box) => view.bytesOf(box)),
  };
}

/** After the times, which are longer in version 1. */
const languageOf = (view: BoxView, { mediaHeader }: IndexTrack): number =>
  view.uint16(mediaHeader.start + (view.versionOf(mediaHeader) === 1 ? 40 : 28));

async function readHeader(stream: ByteStream): Promise<StreamBox> {
  const short = await stream.read(8);
  const header = short.readUInt32BE(0) === 1 ? await stream.read(8, short) : short;
  const box = parseBox(header, 0, Number.POSITIVE_INFINITY);
  if (!box) throw new UnsupportedMediaError("damage");
  return { type: box.type, contentBytes: box.end - header.length, header };
}

/** The whole box, including its header. */
async function readContent(
  stream: ByteStream,
  { type, header, contentBytes }: StreamBox,
  maxBytes: number,
): Promise<Buffer> {
  if (contentBytes > maxBytes || header.length > 8) throw new UnsupportedMediaError(`a large ${type}`);
  return await stream.read(contentBytes, header);
}

function* chunksOf(samples: Iterable<PlacedSample>, timescale: number): Generator<PlacedChunk> {
  let group: PlacedSample[] = [];
  let bytes = 0;
  const chunk = (first: PlacedSample): PlacedChunk => ({
    seconds: first.time / timescale,
    ...{ offset: first.offset, bytes, samples: group },
  });
  for (const sample of samples) {
    const [first] = group;
    const isNext = first && sample.offset === first.offset + bytes;
    const isFull = first && sample.time - first.time >= CHUNK_SECONDS * timescale;
    if (first && (!isNext || isFull || group.length === CHUNK_SAMPLES)) {
      if (sample.offset < first.offset + bytes) throw new UnsupportedMediaError("samples in another order");
      yield chunk(first);
      group = [];
      bytes = 0;
    }
    group.push(sample);
    bytes += sample.bytes;
  }
  const [first] = group;
  if (first) yield chunk(first);
}
