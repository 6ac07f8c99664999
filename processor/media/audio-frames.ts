import { isUnsupportedMedia } from "./isobmff/box-view.ts";
import { readMp3Frame } from "./mp3-frame.ts";
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
      const frame = readMp3Frame(bytes, at) ?? adtsFrame(bytes, at);
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
