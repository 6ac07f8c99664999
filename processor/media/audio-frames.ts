import { isUnsupportedMedia } from "./isobmff/box-view.ts";
import { FRAME_SAMPLES, readAdtsHeader } from "./mpegts/adts.ts";

/** The duration of a stream of audio frames (MP3, or AAC with ADTS headers), while it arrives. */

interface Frame {
  readonly bytes: number;
  readonly seconds: number;
}

const NONE = Buffer.alloc(0);
/** This many frames in a row are not a coincidence. */
const FRAMES_TO_BELIEVE = 3;
/** Maximum size of tags and images in front. */
const MAX_FRONT_BYTES = 1 << 20;
/** Bytes that determine the length of a frame. */
const HEADER_BYTES = 9;

/** Counts the seconds of the frames that have passed. */
export class FrameClock {
  #left: Buffer = NONE;
  /** Bytes of the last frame that have not arrived. */
  #ahead = 0;
  #seconds = 0;
  #frames = 0;
  #skipped = 0;

  /** Of complete frames so far; null as long as the stream does not look like frames. */
  get seconds(): number | null {
    return this.#frames >= FRAMES_TO_BELIEVE ? this.#seconds : null;
  }

  add(chunk: Buffer): void {
    if (this.#frames === 0 && this.#skipped > MAX_FRONT_BYTES) return;
    const skip = Math.min(this.#ahead, chunk.length);
    this.#ahead -= skip;
    const bytes = this.#left.length === 0 ? chunk.subarray(skip) : Buffer.concat([this.#left, chunk]);
    let at = 0;
    while (at + HEADER_BYTES <= bytes.length) {
      const frame = mp3Frame(bytes, at) ?? adtsFrame(bytes, at);
      if (frame) {
        this.#seconds += frame.seconds;
        this.#frames++;
        at += frame.bytes;
      } else {
        // what was mistaken for frames
        if (this.#frames < FRAMES_TO_BELIEVE) [this.#frames, this.#seconds] = [0, 0];
        this.#skipped++;
        at++;
      }
    }
    this.#ahead += Math.max(0, at - bytes.length);
    this.#left = at < bytes.length ? Buffer.from(bytes.subarray(at)) : NONE;
  }
}

/** In kbit/s, by version (1, or 2 and 2.5) and layer. */
const BITRATES: Readonly<Record<string, readonly number[]>> = {
  "1.1": [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "1.2": [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "1.3": [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "2.1": [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "2.2": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  "2.3": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** ISO 11172-3 and 13818-3. */
function mp3Frame(bytes: Buffer, at: number): Frame | null {
  const [second = 0, third = 0] = [bytes[at + 1], bytes[at + 2]];
  if (bytes[at] !== 0xff || (second & 0xe0) !== 0xe0) return null;
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  const base = SAMPLE_RATES[(third >> 2) & 3];
  const isFirst = version === 3;
  const kilobits = BITRATES[`${isFirst ? 1 : 2}.${layer}`]?.[third >> 4];
  if (version === 1 || layer === 4 || base === undefined || !kilobits) return null;
  const rate = base / (isFirst ? 1 : version === 2 ? 2 : 4);
  const samples = layer === 1 ? 384 : layer === 3 && !isFirst ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const slots = Math.floor((samples * kilobits * 1000) / 8 / slot / rate) + ((third >> 1) & 1);
  return { bytes: slots * slot, seconds: samples / rate };
}

function adtsFrame(bytes: Buffer, at: number): Frame | null {
  if (bytes[at] !== 0xff || ((bytes[at + 1] ?? 0) & 0xf6) !== 0xf0) return null;
  try {
    const header = readAdtsHeader(bytes, at);
    return header && { bytes: header.bytes, seconds: FRAME_SAMPLES / header.rate };
  } catch (error) {
    if (isUnsupportedMedia(error)) return null;
    throw error;
  }
}
