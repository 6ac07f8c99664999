import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import type { ByteStream } from "../isobmff/byte-stream.ts";
import type { InterleavedChunk, MediaSource, MediaTrack } from "../isobmff/media-source.ts";
import { AudioStream } from "./audio-stream.ts";
import { CLOCK_RATE, Clock } from "./elementary-packets.ts";
import type { Beginning, ElementaryStream } from "./elementary-stream.ts";
import { TransportPackets } from "./packets.ts";
import { type BufferedSamples, SampleBuffer } from "./sample-buffer.ts";
import { PROGRAMS_PID, type ProgramStream, readProgram, readPrograms } from "./tables.ts";
import { VideoStream } from "./video-stream.ts";

/** The kinds of media that are supported here, with their stream types in ISO 13818-1. */
const READERS = [
  { kind: "vide", type: 0x1b, Stream: VideoStream },
  { kind: "soun", type: 0x0f, Stream: AudioStream },
] as const;

/** All streams must begin within this many bytes. */
const MAX_OPENING_BYTES = 16 << 20;

interface WantedStream {
  readonly declared: ProgramStream;
  readonly stream: ElementaryStream;
}

interface Ready extends BufferedSamples {
  readonly wanted: WantedStream;
}

/** The tracks of a transport stream, with video in H.264 and audio in AAC. Nothing is known about it beforehand. */
class TransportSource implements MediaSource {
  readonly isPlanned = false;
  tracks: readonly MediaTrack[] = [];
  readonly #chunks: AsyncGenerator<Buffer>;
  readonly #kinds: readonly string[];
  readonly #packets = new TransportPackets();
  readonly #clock = new Clock();
  #program: readonly ProgramStream[] | null = null;
  #wanted: readonly WantedStream[] = [];
  #ready: Ready[] = [];

  constructor(stream: ByteStream, kinds: readonly string[]) {
    this.#chunks = stream.rest();
    this.#kinds = kinds;
    this.#packets.follow(
      PROGRAMS_PID,
      (unit) =>
        this.#packets.follow(readPrograms(unit), (table) => this.#setProgram(readProgram(table)), true),
      true,
    );
  }

  /** Reads until all tracks are known. */
  async open(): Promise<this> {
    for (let bytes = 0; !this.#isKnown(); ) {
      if (bytes > MAX_OPENING_BYTES) throw new UnsupportedMediaError("streams that do not begin");
      const read = await this.#readOn();
      if (read === null) break;
      bytes += read;
    }
    const beginnings = this.#wanted.map(({ stream }) => stream.beginning);
    const origin = Math.min(...beginnings.map((beginning) => beginning?.shown ?? Number.POSITIVE_INFINITY));
    this.tracks = this.#wanted.map(({ declared, stream }) => trackOf(stream.beginning, declared, origin));
    return this;
  }

  async *interleavedChunks(): AsyncGenerator<InterleavedChunk> {
    do {
      for (const ready of this.#ready.splice(0)) yield this.#turnOf(ready);
    } while ((await this.#readOn()) !== null || this.#ready.length > 0);
  }

  #turnOf({ memory, samples, wanted }: Ready): InterleavedChunk {
    const track = this.tracks[this.#wanted.indexOf(wanted)] as MediaTrack;
    return {
      track,
      chunk: { seconds: (samples[0]?.time ?? 0) / track.timescale, bytes: memory.length, samples },
      streamTo: async (onChunk) => {
        await onChunk(memory.bytes);
        wanted.stream.sampleBuffer.reuse(memory);
      },
    };
  }

  /** How many bytes were read; null at the end, when everything left is ready. */
  async #readOn(): Promise<number | null> {
    const { done, value } = await this.#chunks.next();
    if (!done) {
      this.#packets.push(value);
      return value.length;
    }
    this.#packets.end();
    for (const { stream } of this.#wanted) stream.sampleBuffer.end();
    return null;
  }

  #isKnown(): boolean {
    return this.#program !== null && this.#wanted.every(({ stream }) => stream.beginning !== null);
  }

  #setProgram(program: readonly ProgramStream[]): void {
    const isSame = (one: ProgramStream, index: number) =>
      one.pid === this.#program?.[index]?.pid && one.type === this.#program[index]?.type;
    if (this.#program) {
      if (program.length === this.#program.length && program.every(isSame)) return;
      throw new UnsupportedMediaError("a program that changes");
    }
    this.#program = program;
    const readers = READERS.filter(({ kind }) => this.#kinds.includes(kind));
    this.#wanted = readers.flatMap(({ Stream, kind, type }) => {
      const [declared, another] = program.filter((candidate) => candidate.type === type);
      if (another) throw new UnsupportedMediaError(`several streams of ${kind}`);
      return declared ? [this.#follow(declared, Stream)] : [];
    });
  }

  #follow(declared: ProgramStream, Stream: (typeof READERS)[number]["Stream"]): WantedStream {
    const sampleBuffer = new SampleBuffer((buffered) => this.#ready.push({ ...buffered, wanted }));
    const stream = new Stream(this.#clock, sampleBuffer);
    const wanted: WantedStream = { declared, stream };
    this.#packets.follow(declared.pid, (unit) => stream.read(unit));
    return wanted;
  }
}

function trackOf(beginning: Beginning | null, { language }: ProgramStream, origin: number): MediaTrack {
  if (!beginning) throw new UnsupportedMediaError("a stream without anything");
  const { decoded, shown, track } = beginning;
  return {
    ...track,
    edit: {
      delay: (shown - origin) / CLOCK_RATE,
      skipped: ((shown - decoded) * track.timescale) / CLOCK_RATE,
      shown: null,
    },
    language: [...language].reduce((code, letter) => (code << 5) | (letter.charCodeAt(0) & 0x1f), 0),
    tables: [],
  };
}

/**
 * Reads a transport stream until its tracks are known.
 *
 * @param kinds of media that are needed, as `MediaTrack` names them
 * @throws UnsupportedMediaError, RangeError if a tool must inspect it
 */
export const openTransportSource = (stream: ByteStream, kinds: readonly string[]): Promise<MediaSource> =>
  new TransportSource(stream, kinds).open();
