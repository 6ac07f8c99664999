import { chapterSamples } from "./chapter-track.ts";
import type { InterleavedChunk, MediaTrack } from "./media-source.ts";
import { type About, movieBox } from "./movie-boxes.ts";
import { SampleTables } from "./sample-tables.ts";
import { ascii, box, uint32, uint64 } from "./write-boxes.ts";

export interface JoinedMovieOptions extends About {
  /** Main brand of the file. @example "isom" */
  readonly brand: string;
}

/** A `free` box has at least its header. */
const SMALLEST_BOX_BYTES = 8;
/** Bytes before the media: its box's header with a 64-bit length, or room for that. */
const MEDIA_HEADER_BYTES = 16;
/** Files up to this size have 32-bit offsets; what comes before the media is smaller than the difference. */
const MAX_SHORT_BYTES = 2 ** 32 - 2 ** 26;

/**
 * A file of tracks from any sources, as an index followed by the media. The tracks stay unchanged, except for the
 * positions of their samples.
 *
 * @example
 * const movie = new JoinedMovie(tracks, { brand: "isom", tags, cover: null, chapters: [] });
 * for await (const interleaved of interleave(sources)) movie.add(interleaved);
 * const front = movie.front(); // all bytes in front of the media
 */
export class JoinedMovie {
  /** Bytes of the media so far. */
  mediaBytes: number;
  /** The beginning of the media, before all chunks. */
  readonly opening: Buffer;
  readonly #options: JoinedMovieOptions;
  readonly #tables: ReadonlyMap<MediaTrack, SampleTables>;

  constructor(tracks: readonly MediaTrack[], options: JoinedMovieOptions) {
    this.#options = options;
    this.opening = Buffer.concat(chapterSamples(options.chapters));
    this.mediaBytes = this.opening.length;
    this.#tables = new Map(tracks.map((track) => [track, new SampleTables()]));
  }

  /** Records that the next bytes of the media are a chunk of this track. */
  add({ track, chunk }: Pick<InterleavedChunk, "track" | "chunk">): void {
    this.#tables.get(track)?.add(chunk, this.mediaBytes);
    this.mediaBytes += chunk.bytes;
  }

  /**
   * Everything before the media.
   *
   * @param roomBytes its exact length; by default it is as long as necessary
   * @throws FrontTooSmallError
   */
  front(roomBytes?: number): { readonly bytes: Buffer; readonly index: Buffer } {
    const { brand } = this.#options;
    const type = box("ftyp", ascii(brand), uint32(0x200), ...["isom", "iso2", "mp41"].map(ascii));
    const isLong = this.mediaBytes > MAX_SHORT_BYTES;
    const around = type.length + MEDIA_HEADER_BYTES;
    const start = roomBytes ?? around + this.#index(0, isLong).length;
    const index = this.#index(start, isLong);
    const free = start - around - index.length;
    if (free !== 0 && free < SMALLEST_BOX_BYTES) throw new FrontTooSmallError(SMALLEST_BOX_BYTES - free);
    const bytes = [
      ...[type, index, ...(free === 0 ? [] : [box("free", Buffer.alloc(free - SMALLEST_BOX_BYTES))])],
      ...mediaHeader(this.mediaBytes),
    ];
    return { bytes: Buffer.concat(bytes), index };
  }

  #index(mediaStart: number, isLong: boolean): Buffer {
    const tracks = [...this.#tables].map(([track, tables]) => ({ track, tables }));
    return movieBox(tracks, this.#options, { mediaStart, isLong });
  }
}

/** The length is the same whether the media's size is stated in 32 or in 64 bits. */
function mediaHeader(bytes: number): Buffer[] {
  const short = bytes + SMALLEST_BOX_BYTES;
  if (short < 2 ** 32) return [box("free"), uint32(short), ascii("mdat")];
  return [uint32(1), ascii("mdat"), uint64(MEDIA_HEADER_BYTES + bytes)];
}

/** There is less room before the media than the index needs. */
export class FrontTooSmallError extends Error {
  readonly missingBytes: number;

  constructor(missingBytes: number) {
    super(`${missingBytes} bytes are missing in front of the media`);
    this.missingBytes = missingBytes;
  }
}
