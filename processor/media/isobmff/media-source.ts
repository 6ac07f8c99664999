import type { Sample } from "./samples.ts";

/** The description of a track in a new file, except for its samples. */
export interface MediaTrack {
  /** The kind of media. @example "vide" */
  readonly kind: string;
  /** With the API's name. */
  readonly codec: string;
  /** Type of the sample entry. @example "avc1" */
  readonly entry: string;
  /** Units of its times per second. */
  readonly timescale: number;
  readonly edit: TrackEdit | null;
  /** `stsd`, with one sample entry. */
  readonly description: Uint8Array;
  /** Fields of `tkhd` after its times: layer, group, volume, matrix, width, height. */
  readonly shownAs: Uint8Array;
  /** `vmhd` or `smhd`. */
  readonly information: readonly Uint8Array[];
  /** As `mdhd` has it, in 16 bits. */
  readonly language: number;
  /** Tables in addition to those that are built from the samples. */
  readonly tables: readonly Uint8Array[];
}

/** What viewers see of a track. */
export interface TrackEdit {
  /** Seconds that pass before it begins. */
  readonly delay: number;
  /** What is left out at the beginning, in units of the track's time scale. */
  readonly skipped: number;
  /** Seconds; null: all that is left. */
  readonly shown: number | null;
}

/** Samples that must be consecutive. */
export interface Chunk {
  /** When its first sample is decoded, in seconds. */
  readonly seconds: number;
  readonly bytes: number;
  readonly samples: readonly Sample[];
}

/** One chunk of one track, in interleaved order. */
export interface InterleavedChunk {
  readonly track: MediaTrack;
  readonly chunk: Chunk;
  /**
   * Passes on its bytes, once; each piece is only borrowed until `onChunk` is done with it.
   *
   * @throws UnsupportedMediaError when they are not where they must be; EndedEarlyError
   */
  streamTo(onChunk: (bytes: Buffer) => Promise<void> | void): Promise<void>;
}

/** Where tracks come from. */
export interface MediaSource {
  readonly tracks: readonly MediaTrack[];
  /** True when all samples are known beforehand: then the chunks can be listed repeatedly, without reading. */
  readonly isPlanned: boolean;
  /**
   * All chunks. If they are not planned, each must have been streamed before the next one is requested.
   *
   * @throws UnsupportedMediaError, RangeError see `BoxView`; EndedEarlyError
   */
  interleavedChunks(): AsyncGenerator<InterleavedChunk>;
}

/** Audio and video alternate this often, in seconds of the film: players need both at the same time. */
export const CHUNK_SECONDS = 1;

/** The chunks of all sources, each time the one that is decoded first. */
export async function* interleave(sources: readonly MediaSource[]): AsyncGenerator<InterleavedChunk> {
  const waiting = await Promise.all(
    sources.map(async (source) => {
      const interleavedChunks = source.interleavedChunks();
      return { interleavedChunks, interleaved: await nextOf(interleavedChunks) };
    }),
  );
  for (;;) {
    const times = waiting.map(({ interleaved }) => interleaved?.chunk.seconds ?? Number.POSITIVE_INFINITY);
    const first = waiting[times.indexOf(Math.min(...times))];
    if (!first?.interleaved) return;
    yield first.interleaved;
    first.interleaved = await nextOf(first.interleavedChunks);
  }
}

/** Null at the end. */
async function nextOf(interleavedChunks: AsyncIterator<InterleavedChunk>): Promise<InterleavedChunk | null> {
  const { done, value } = await interleavedChunks.next();
  return done ? null : value;
}
