/** The header of a frame of MPEG audio, which states how long the frame is. */
export interface Mp3Frame {
  readonly bytes: number;
  readonly seconds: number;
  /** 1, 2 or 3; MP3 is the third. */
  readonly layer: number;
  readonly samples: number;
  /** Samples a second. */
  readonly rate: number;
  /** In kbit/s. */
  readonly kilobits: number;
  /** MPEG 1, and not 2 or 2.5. */
  readonly isFirst: boolean;
  readonly isMono: boolean;
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

/**
 * Reads the four bytes of a header, as ISO 11172-3 and 13818-3 define it.
 *
 * @returns null where none begins
 */
export function readMp3Frame(bytes: Uint8Array, at: number): Mp3Frame | null {
  const [second = 0, third = 0, fourth = 0] = [bytes[at + 1], bytes[at + 2], bytes[at + 3]];
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
  return {
    ...{ bytes: slots * slot, seconds: samples / rate },
    ...{ layer, samples, rate, kilobits, isFirst, isMono: fourth >> 6 === 3 },
  };
}
