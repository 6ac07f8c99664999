import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import { box, fullBox, uint16, uint32 } from "../isobmff/write-boxes.ts";

/** Packets of AAC with ADTS headers. */

/** Samples of audio in one packet. */
export const FRAME_SAMPLES = 1024;

const RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const HEADER_BYTES = 7;
const HEADER_WITH_SUM_BYTES = 9;

/** What the header of a packet states. */
export interface AdtsHeader {
  /** What a decoder must know, in 16 bits: kind, rate, channels. */
  readonly configuration: number;
  /** Samples per second. */
  readonly rate: number;
  readonly channels: number;
  /** Size of the header, and of header and packet. */
  readonly headerBytes: number;
  readonly bytes: number;
}

/**
 * The header at `at`; null if it is incomplete.
 *
 * @throws UnsupportedMediaError for anything else, and for what a file cannot state in the usual way
 */
export function readAdtsHeader(bytes: Buffer, at: number): AdtsHeader | null {
  if (bytes.length < at + HEADER_BYTES) return null;
  const first = bytes.readUInt16BE(at);
  if ((first & 0xfff6) !== 0xfff0) throw new UnsupportedMediaError("no packet of audio where one must begin");
  const fields = bytes.readUInt16BE(at + 2);
  const [kind, rateIndex, channels] = [(fields >> 14) + 1, (fields >> 10) & 15, (fields >> 6) & 7];
  const length = (bytes.readUInt32BE(at + 3) >>> 13) & 0x1fff;
  const blocks = bytes.readUInt8(at + 6) & 3;
  const rate = RATES[rateIndex];
  const headerBytes = (first & 1) === 1 ? HEADER_BYTES : HEADER_WITH_SUM_BYTES;
  if (rate === undefined || channels === 0 || blocks !== 0 || length <= headerBytes) {
    throw new UnsupportedMediaError("sound of another kind");
  }
  const configuration = (kind << 11) | (rateIndex << 7) | (channels << 3);
  return { configuration, rate, channels, headerBytes, bytes: length };
}

/** The sample entry `mp4a` of packets without their headers. */
export function aacEntry({ channels, configuration, rate }: AdtsHeader): Buffer {
  const specific = descriptor(5, uint16(configuration));
  // AAC, a stream of audio; buffer and rates are not stated
  const decoder = descriptor(4, Buffer.of(0x40, 0x15, 0, 0, 0), uint32(0, 0), specific);
  const stream = descriptor(3, Buffer.of(0, 0, 0), decoder, descriptor(6, Buffer.of(2)));
  return box(
    "mp4a",
    Buffer.concat([uint32(0), uint16(0, 1), uint32(0, 0)]),
    // for higher rates, the number of samples per second is only stated inside
    uint16(channels === 7 ? 8 : channels, 16, 0, 0, rate > 0xffff ? 0 : rate, 0),
    fullBox("esds", 0, 0, stream),
  );
}

function descriptor(tag: number, ...content: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag, bytes.length), bytes]);
}
