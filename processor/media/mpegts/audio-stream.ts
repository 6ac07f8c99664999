import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import { UNITY_MATRIX } from "../isobmff/common-boxes.ts";
import { fullBox, uint16, uint32 } from "../isobmff/write-boxes.ts";
import { type AdtsHeader, aacEntry, FRAME_SAMPLES, readAdtsHeader } from "./adts.ts";
import { ByteBuffer } from "./byte-buffer.ts";
import { CLOCK_RATE, type Clock, readElementaryPacket } from "./elementary-packets.ts";
import { type Beginning, checkPause, type ElementaryStream } from "./elementary-stream.ts";
import type { SampleBuffer } from "./sample-buffer.ts";

const LEFT_BYTES = 16 << 10;
/** Timestamps are rounded, and packagers are careless: only a larger difference is a gap. */
const TOLERANCE = FRAME_SAMPLES / 2;

/** Audio in AAC, several frames in a packet. */
export class AudioStream implements ElementaryStream {
  readonly sampleBuffer: SampleBuffer;
  beginning: Beginning | null = null;
  readonly #clock: Clock;
  /** The beginning of a frame that continues in the next packet. */
  readonly #left = new ByteBuffer(LEFT_BYTES);
  #header: AdtsHeader | null = null;
  /** When the next frame is heard, in samples since the beginning. */
  #time = 0;

  constructor(clock: Clock, sampleBuffer: SampleBuffer) {
    this.#clock = clock;
    this.sampleBuffer = sampleBuffer;
  }

  read(unit: Buffer): void {
    const { payload, times } = readElementaryPacket(unit, this.#clock);
    // the timestamp is that of the first frame that begins in this packet
    const begins = this.#left.length;
    let declared = times?.shown ?? null;
    this.#left.append(payload, 0, payload.length);
    const { bytes } = this.#left;
    let at = 0;
    for (;;) {
      const header = readAdtsHeader(bytes, at);
      if (!header || at + header.bytes > bytes.length) break;
      if (declared !== null && at >= begins) {
        this.#setTime(declared, header);
        declared = null;
      }
      this.#add(bytes.subarray(at + header.headerBytes, at + header.bytes), header);
      at += header.bytes;
    }
    this.#left.drop(at);
  }

  #setTime(shown: number, header: AdtsHeader): void {
    this.beginning ??= { shown, decoded: shown, track: describe(header) };
    const time = Math.round(((shown - this.beginning.shown) * header.rate) / CLOCK_RATE);
    if (time < this.#time - FRAME_SAMPLES) throw new UnsupportedMediaError("sound in another order");
    checkPause(((time - this.#time) * CLOCK_RATE) / header.rate);
    if (time > this.#time + TOLERANCE) this.#time = time;
  }

  #add(frame: Buffer, header: AdtsHeader): void {
    if (!this.beginning) throw new UnsupportedMediaError("sound without its time");
    this.#header ??= header;
    if (header.configuration !== this.#header.configuration)
      throw new UnsupportedMediaError("sound that changes");
    this.sampleBuffer.memory.append(frame, 0, frame.length);
    const sample = { bytes: frame.length, time: this.#time, shift: 0, duration: FRAME_SAMPLES, isSync: true };
    this.#time += FRAME_SAMPLES;
    this.sampleBuffer.add(sample, header.rate);
  }
}

function describe(header: AdtsHeader): Beginning["track"] {
  const FULL_VOLUME = 0x100;
  return {
    ...{ kind: "soun", codec: "aac", entry: "mp4a", timescale: header.rate },
    description: fullBox("stsd", 0, 0, uint32(1), aacEntry(header)),
    shownAs: Buffer.concat([uint32(0, 0), uint16(0, 1, FULL_VOLUME, 0), UNITY_MATRIX, uint32(0, 0)]),
    information: [fullBox("smhd", 0, 0, uint16(0, 0))],
  };
}
