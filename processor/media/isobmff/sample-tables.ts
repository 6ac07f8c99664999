import { UnsupportedMediaError } from "./box-view.ts";
import type { Chunk } from "./media-source.ts";
import { MAX_SAMPLES } from "./samples.ts";
import { fullBox, MAX_INT32, MAX_UINT32, uint32 } from "./write-boxes.ts";

export interface TableOptions {
  /** Where the media begins in the file. */
  readonly mediaStart: number;
  /** Offsets of 64 bits. */
  readonly isLong: boolean;
  /** False for audio, whatever careless packagers say about its packets. */
  readonly hasKeyFrames: boolean;
}

/** The tables of a track that is being written. */
export class SampleTables {
  readonly #sizes = new Numbers();
  readonly #sync = new Numbers();
  readonly #durations = new Runs();
  readonly #shifts = new Runs();
  readonly #chunkOffsets: number[] = [];
  /** First chunk of a run of chunks, and the number of samples in each of them. */
  readonly #chunkSamples: [number, number][] = [];
  #last: { readonly time: number; readonly duration: number } | null = null;
  #shownUntil = 0;
  #smallestShift = 0;
  #largestShift = 0;

  /** Of all samples, in units of the track's time scale. */
  get duration(): number {
    return this.#last ? this.#last.time + this.#last.duration : 0;
  }

  /** When the last of them has been shown, in units of the track's time scale. */
  get shownUntil(): number {
    return this.#shownUntil;
  }

  /** @param offset of the chunk from the start of the media */
  add({ samples }: Chunk, offset: number): void {
    this.#chunkOffsets.push(offset);
    if (this.#chunkSamples.at(-1)?.[1] !== samples.length) {
      this.#chunkSamples.push([this.#chunkOffsets.length, samples.length]);
    }
    if (this.#sizes.length + samples.length > MAX_SAMPLES)
      throw new UnsupportedMediaError("too many samples");
    for (const { bytes, duration, isSync, shift, time } of samples) {
      // the previous one lasts until this one, whatever it stated: fragments may leave gaps
      if (this.#last) this.#durations.add(time - this.#last.time);
      this.#last = { time, duration };
      this.#shownUntil = Math.max(this.#shownUntil, time + shift + duration);
      this.#sizes.add(bytes);
      this.#shifts.add(shift);
      this.#smallestShift = Math.min(this.#smallestShift, shift);
      this.#largestShift = Math.max(this.#largestShift, shift);
      if (isSync) this.#sync.add(this.#sizes.length);
    }
  }

  /** The finished tables except for the description. */
  boxes({ hasKeyFrames, isLong, mediaStart }: TableOptions): Buffer[] {
    const hasShifts = this.#smallestShift < 0 || this.#largestShift > 0;
    const isPartlySync = hasKeyFrames && this.#sync.length < this.#sizes.length;
    return [
      fullBox("stts", 0, 0, this.#durations.table(this.#last?.duration)),
      ...(hasShifts ? [fullBox("ctts", this.#smallestShift < 0 ? 1 : 0, 0, this.#shifts.table())] : []),
      ...(isPartlySync ? [fullBox("stss", 0, 0, this.#sync.table())] : []),
      fullBox("stsz", 0, 0, uint32(0), this.#sizes.table()),
      fullBox("stsc", 0, 0, groups(this.#chunkSamples)),
      offsets(this.#chunkOffsets, mediaStart, isLong),
    ];
  }
}

function offsets(chunks: readonly number[], mediaStart: number, isLong: boolean): Buffer {
  const bytes = Buffer.allocUnsafe(4 + chunks.length * (isLong ? 8 : 4));
  bytes.writeUInt32BE(chunks.length);
  for (const [index, offset] of chunks.entries()) {
    const at = mediaStart + offset;
    if (isLong) bytes.writeBigUInt64BE(BigInt(at), 4 + index * 8);
    else bytes.writeUInt32BE(at, 4 + index * 4);
  }
  return fullBox(isLong ? "co64" : "stco", 0, 0, bytes);
}

function groups(chunkSamples: readonly [number, number][]): Buffer {
  const bytes = Buffer.allocUnsafe(4 + chunkSamples.length * 12);
  bytes.writeUInt32BE(chunkSamples.length);
  for (const [index, [chunk, samples]] of chunkSamples.entries()) {
    bytes.writeUInt32BE(chunk, 4 + index * 12);
    bytes.writeUInt32BE(samples, 8 + index * 12);
    bytes.writeUInt32BE(1, 12 + index * 12);
  }
  return bytes;
}

/** A list that stores equal neighbours once: their number and their value. */
class Runs {
  readonly #counts = new Numbers();
  readonly #values = new Numbers();

  /** @param value of 32 bits, with or without a sign */
  add(value: number): void {
    if (value < -MAX_INT32 || value > MAX_UINT32) throw new UnsupportedMediaError("a time that is too long");
    const unsigned = value >>> 0;
    const last = this.#values.length - 1;
    if (last >= 0 && this.#values.at(last) === unsigned) this.#counts.set(last, this.#counts.at(last) + 1);
    else {
      this.#counts.add(1);
      this.#values.add(unsigned);
    }
  }

  /** The number of runs, and the runs, as tables have them. @param more comes after all others */
  table(more?: number): Buffer {
    const { length } = this.#values;
    const bytes = Buffer.allocUnsafe(4 + (length + (more === undefined ? 0 : 1)) * 8);
    bytes.writeUInt32BE((bytes.length - 4) / 8);
    for (let index = 0; index < length; index++) {
      bytes.writeUInt32BE(this.#counts.at(index), 4 + index * 8);
      bytes.writeUInt32BE(this.#values.at(index), 8 + index * 8);
    }
    if (more !== undefined) {
      bytes.writeUInt32BE(1, 4 + length * 8);
      bytes.writeUInt32BE(more, 8 + length * 8);
    }
    return bytes;
  }
}

/** A list of numbers of 32 bits that may become long. */
class Numbers {
  length = 0;
  #values = new Uint32Array(1024);

  at(index: number): number {
    return this.#values[index] ?? 0;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  add(value: number): void {
    if (this.length === this.#values.length) {
      const longer = new Uint32Array(this.length * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.length++] = value;
  }

  /** The number of them, and the numbers, as tables have them. */
  table(): Buffer {
    const bytes = Buffer.allocUnsafe(4 + this.length * 4);
    bytes.writeUInt32BE(this.length);
    for (let index = 0; index < this.length; index++) {
      bytes.writeUInt32BE(this.at(index), 4 + index * 4);
    }
    return bytes;
  }
}
