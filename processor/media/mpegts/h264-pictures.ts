import { UnsupportedMediaError } from "../isobmff/box-view.ts";
import type { ByteBuffer } from "./byte-buffer.ts";
import { unitsOf, withoutEscapes } from "./nal-units.ts";

/** Kinds of NAL units. */
const SLICE = 1;
const PARTITIONS = [2, 3, 4];
const IDR_SLICE = 5;
const ADDITIONAL = 6;
const SEQUENCE = 7;
const VIDEO = 8;
const DELIMITER = 9;
/** The file format counts them in 8 bits; all later ones are compared with each of them. */
const MAX_PICTURE_SETS = 255;
/** Kind of supplemental information: decoding can begin here. */
const RECOVERY_POINT = 6;

/** Parameter sets that come before the pictures. */
export interface ParameterSets {
  readonly sequence: Buffer;
  readonly pictures: readonly Buffer[];
}

/** One picture, in the form of files. */
export interface CodedPicture {
  /** Decoding can begin with it. */
  readonly isSync: boolean;
}

/**
 * Converts pictures of H.264 to the form of files: each NAL unit follows its length, not a start code. All parameter
 * sets must come before the first picture; they may be repeated.
 */
export class PictureReader {
  #sets: ParameterSets | null = null;

  /** Null before the first picture. */
  get sets(): ParameterSets | null {
    return this.#sets;
  }

  /**
   * @param payload of one packet, which must contain exactly one picture
   * @param output to which the picture is added
   * @throws UnsupportedMediaError if something else is in it
   */
  read(payload: Buffer, output: ByteBuffer): CodedPicture {
    const found: { sequence: Buffer[]; pictures: Buffer[] } = { sequence: [], pictures: [] };
    let isSync = false;
    let firstSlices = 0;
    let hasSlice = false;
    for (const [start, end] of unitsOf(payload)) {
      const type = (payload[start] ?? 0) & 0x1f;
      if (type === SLICE || type === IDR_SLICE) {
        hasSlice = true;
        isSync ||= type === IDR_SLICE;
        // the number of its first macroblock is 0, whose code is one bit
        if (((payload[start + 1] ?? 0) & 0x80) !== 0) firstSlices++;
      } else if (type >= ADDITIONAL && type <= DELIMITER) {
        if (hasSlice) throw new UnsupportedMediaError("the beginning of another picture");
        if (type === SEQUENCE) found.sequence.push(payload.subarray(start, end));
        if (type === VIDEO) found.pictures.push(payload.subarray(start, end));
        if (type === ADDITIONAL) isSync ||= declaresRecovery(payload.subarray(start + 1, end));
      } else if (PARTITIONS.includes(type)) throw new UnsupportedMediaError("partitions");
      output.appendUInt32(end - start);
      output.append(payload, start, end);
    }
    if (firstSlices !== 1) throw new UnsupportedMediaError("not one picture");
    this.#judge(found.sequence, found.pictures);
    return { isSync };
  }

  /** A reader of the index alone would not know about others. */
  #judge(sequences: readonly Buffer[], pictures: readonly Buffer[]): void {
    const [sequence, another] = sequences;
    const known = this.#sets;
    if (known) {
      const isNew =
        sequences.some((set) => !set.equals(known.sequence)) ||
        pictures.some((set) => !known.pictures.some((one) => set.equals(one)));
      if (isNew) throw new UnsupportedMediaError("other parameters");
      return;
    }
    if (!sequence || another || pictures.length === 0)
      throw new UnsupportedMediaError("no parameters in front");
    if (pictures.length > MAX_PICTURE_SETS) throw new UnsupportedMediaError("too many parameters");
    this.#sets = { sequence: Buffer.from(sequence), pictures: pictures.map((set) => Buffer.from(set)) };
  }
}

/** Whether supplemental information says that decoding can begin here. */
function declaresRecovery(escaped: Buffer): boolean {
  const bytes = withoutEscapes(escaped);
  let at = 0;
  const number = (): number => {
    let value = 0;
    while (bytes[at] === 0xff) value += bytes[at++] ?? 0;
    return value + (bytes[at++] ?? 0);
  };
  // the last byte ends the unit
  while (at + 2 < bytes.length) {
    const type = number();
    const length = number();
    if (type === RECOVERY_POINT) return true;
    at += length;
  }
  return false;
}
