import { type Box, boxesIn } from "./boxes.ts";

/** A feature that is not supported here: a tool must inspect the file. */
export class UnsupportedMediaError extends Error {}

/** Header of a box: size and type. */
export const HEADER_BYTES = 8;

/**
 * Numbers and boxes inside bytes of an ISO base media file. A read beyond the end throws a RangeError, anything in the
 * wrong place throws {@link UnsupportedMediaError}.
 */
export class BoxView {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The boxes one after the other; by default in all of the bytes. */
  boxes(start = 0, end = this.bytes.length): Box[] {
    const boxes = boxesIn(this.bytes, start, end);
    if (!boxes) throw new UnsupportedMediaError("damage");
    return boxes;
  }

  /** The boxes in a box that contains nothing else. */
  inside(box: Box): Box[] {
    return this.boxes(box.start + HEADER_BYTES, box.end);
  }

  /** The one box of a type. */
  only(boxes: readonly Box[], type: string): Box {
    const box = this.atMostOne(boxes, type);
    if (!box) throw new UnsupportedMediaError(type);
    return box;
  }

  /** The one box of a type, if there is one. */
  atMostOne(boxes: readonly Box[], type: string): Box | undefined {
    const [box, another] = boxes.filter((candidate) => candidate.type === type);
    if (another) throw new UnsupportedMediaError(type);
    return box;
  }

  /** The bytes of a box, including its header. */
  bytesOf({ start, end }: Box): Uint8Array {
    return this.bytes.subarray(start, end);
  }

  /** Version of a box that has one. */
  versionOf({ start }: Box): number {
    return this.uint8(start + HEADER_BYTES);
  }

  /** Flags of a box that has them. */
  flagsOf({ start }: Box): number {
    return this.#view.getUint32(start + HEADER_BYTES) & 0xffffff;
  }

  uint8(at: number): number {
    return this.#view.getUint8(at);
  }

  uint16(at: number): number {
    return this.#view.getUint16(at);
  }

  uint32(at: number): number {
    return this.#view.getUint32(at);
  }

  int32(at: number): number {
    return this.#view.getInt32(at);
  }

  /** Exact up to 2^53. */
  uint64(at: number): number {
    return Number(this.#view.getBigUint64(at));
  }

  /** Exact up to 2^53. */
  int64(at: number): number {
    return Number(this.#view.getBigInt64(at));
  }

  /** Four characters. */
  text(at: number): string {
    return String.fromCharCode(...this.bytes.subarray(at, at + 4));
  }
}

/** The result of `read`, or null if the bytes are damaged or {@link UnsupportedMediaError}. */
export function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isUnsupportedMedia(error)) return null;
    throw error;
  }
}

/** True for what reading a {@link BoxView} throws. */
export const isUnsupportedMedia = (error: unknown): boolean =>
  error instanceof UnsupportedMediaError || error instanceof RangeError;
