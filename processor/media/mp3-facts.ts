import type { ReadAt } from "./isobmff/boxes.ts";
import type { IndexFacts } from "./isobmff/facts.ts";
import { type Mp3Frame, readMp3Frame } from "./mp3-frame.ts";

/** How much of the audio is looked at: some dozens of frames. */
const FRONT_BYTES = 16 << 10;
/** This many frames in a row are not a coincidence. */
const FRAMES_TO_BELIEVE = 4;
const HEADER_BYTES = 4;

/**
 * What the tags and the first frames of an MP3 file report, without starting a tool: audio, and its duration as the encoder
 * wrote it into the first frame, or at a constant bit rate by the size. A picture in a tag is no video.
 *
 * @param size of the file in bytes
 * @returns null for everything else (other media, bytes between tag and audio, a varying bit rate that nothing or Fraunhofer's
 *   `VBRI` sums up, a file that is not as long as its first frame says): then a tool must inspect the file
 */
export async function factsOfMp3(size: number, readAt: ReadAt): Promise<IndexFacts | null> {
  const first = await readAt(0, Math.min(size, FRONT_BYTES));
  const start = tagBytes(first);
  if (start >= size) return null;
  const front = start === 0 ? first : await readAt(start, Math.min(size - start, FRONT_BYTES));
  const seconds = secondsOf(front, size - start);
  return seconds === null
    ? null
    : { durationSeconds: Math.round(seconds * 1e6) / 1e6, video: undefined, audio: { codec: "mp3" } };
}

const TAG_HEADER_BYTES = 10;
const HAS_FOOTER = 0x10;

/** Length of the ID3 tag in front; 0 without one. */
function tagBytes(bytes: Uint8Array): number {
  if (bytes.length < TAG_HEADER_BYTES || latin(bytes, 0, 3) !== "ID3") return 0;
  const length = [6, 7, 8, 9].reduce((sum, at) => sum * 128 + ((bytes[at] ?? 0) & 0x7f), 0);
  return TAG_HEADER_BYTES + length + ((bytes[5] ?? 0) & HAS_FOOTER ? TAG_HEADER_BYTES : 0);
}

/** @param total bytes from the first frame to the end of the file */
function secondsOf(front: Uint8Array, total: number): number | null {
  const frames = framesOf(front);
  const [first, second] = frames;
  if (!first || frames.length < FRAMES_TO_BELIEVE) return null;
  if (frames.some((frame) => !isAlike(frame, first)) || hasForeignSummary(front)) return null;
  const summary = summaryOf(front, first);
  if (summary) return summary.isWhole(total) ? summary.frames * first.seconds : null;
  const isConstant = frames.every(({ kilobits }) => kilobits === second?.kilobits);
  return isConstant ? (total * 8) / (first.kilobits * 1000) : null;
}

/** Frames in a row from the beginning; none if something else comes between them. */
function framesOf(front: Uint8Array): Mp3Frame[] {
  const frames: Mp3Frame[] = [];
  for (let at = 0; at + HEADER_BYTES <= front.length; ) {
    const frame = readMp3Frame(front, at);
    if (frame?.layer !== 3) return [];
    frames.push(frame);
    at += frame.bytes;
  }
  return frames;
}

/** Only the bit rate changes within a stream. */
const isAlike = (frame: Mp3Frame, first: Mp3Frame): boolean =>
  frame.rate === first.rate && frame.isFirst === first.isFirst;

interface Summary {
  readonly frames: number;
  /** Whether the audio has about the bytes that are stated: two files in one, or half of one, have not. */
  readonly isWhole: (bytes: number) => boolean;
}

const HAS_FRAMES = 1;
const HAS_BYTES = 2;
/** ffmpeg believes the summary if the file differs from it by less. */
const TOLERATED_SHARE = 1 / 16;

/** Fraunhofer's encoders sum up a varying bit rate at a place of their own, and it may vary later than this looks. */
const hasForeignSummary = (front: Uint8Array): boolean => latin(front, HEADER_BYTES + 32, 4) === "VBRI";

/** What encoders write into a silent first frame (`Xing`, or `Info` at a constant bit rate). */
function summaryOf(front: Uint8Array, { isFirst, isMono }: Mp3Frame): Summary | null {
  const sideBytes = isFirst ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  const at = HEADER_BYTES + sideBytes;
  if (!["Xing", "Info"].includes(latin(front, at, 4))) return null;
  const view = new DataView(front.buffer, front.byteOffset, front.byteLength);
  const flags = view.getUint32(at + 4);
  const frames = flags & HAS_FRAMES ? view.getUint32(at + 8) : 0;
  const stated = flags & HAS_FRAMES && flags & HAS_BYTES ? view.getUint32(at + 12) : 0;
  const isWhole = (bytes: number) =>
    frames > 0 && stated > 0 && Math.abs(bytes - stated) <= Math.min(bytes, stated) * TOLERATED_SHARE;
  return { frames, isWhole };
}

const latin = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));
