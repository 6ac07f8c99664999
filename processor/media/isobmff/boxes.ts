/** The top level of an ISO base media file (mp4, mov, m4a): which boxes are where. */

export interface Box {
  readonly type: string;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/** Reads `length` bytes at `start`; fewer at the end of the file. */
export type ReadAt = (start: number, length: number) => Promise<Uint8Array>;

const HEADER_BYTES = 16;
/** A file with more top-level boxes than this before its media is not worth walking. */
const MAX_BOXES = 64;

/**
 * Walks the top-level boxes up to the first media box after the index, or to the end. Stops early at the first `moof`:
 * a fragmented file has its index in front by construction.
 *
 * @param size of the file in bytes
 * @param before the first boxes, if they were read already
 * @param isEnough ends the walk after a box
 */
export async function topBoxes(
  size: number,
  readAt: ReadAt,
  before: readonly Box[] = [],
  isEnough: (box: Box) => boolean = () => false,
): Promise<Box[]> {
  const boxes = [...before];
  let position = boxes.at(-1)?.end ?? 0;
  while (position + 8 <= size && boxes.length < MAX_BOXES) {
    const header = await readAt(position, HEADER_BYTES);
    const box = parseBox(header, position, size);
    if (!box) break;
    boxes.push(box);
    if (box.type === "moof" || isEnough(box)) break;
    position = box.end;
  }
  return boxes;
}

/**
 * The box with a header at `start`; null when there is something else.
 *
 * @param fileSize where a box ends that has no length of its own
 */
export function parseBox(header: Uint8Array, start: number, fileSize: number): Box | null {
  if (header.length < 8) return null;
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const type = String.fromCharCode(...header.subarray(4, 8));
  if (!/^[\x20-\x7e\xa9]{4}$/.test(type)) return null;
  const short = view.getUint32(0);
  if (short === 0) return { type, start, end: fileSize };
  if (short !== 1) return short < 8 ? null : { type, start, end: start + short };
  if (header.length < HEADER_BYTES) return null;
  const long = Number(view.getBigUint64(8));
  return long < HEADER_BYTES ? null : { type, start, end: start + long };
}

/** No honest box contains as many; each one costs memory, and a damaged index could be nothing but empty boxes. */
const MAX_BOXES_INSIDE = 4096;

/** The consecutive boxes in bytes `start` to `end`; null when there is something else. */
export function boxesIn(bytes: Uint8Array, start: number, end: number): Box[] | null {
  const boxes: Box[] = [];
  for (let position = start; position < end; ) {
    const box = parseBox(bytes.subarray(position, Math.min(end, position + HEADER_BYTES)), position, end);
    if (!box || box.end > end || boxes.length === MAX_BOXES_INSIDE) return null;
    boxes.push(box);
    position = box.end;
  }
  return boxes;
}

export interface IsoLayout {
  /** Players can start before the file is complete. */
  readonly indexFirst: boolean;
  /** A box extends beyond the end of the file: bytes are missing. */
  readonly truncated: boolean;
}

/** Null if the file is not an ISO base media file. */
export function isoLayout(boxes: readonly Box[], size: number): IsoLayout | null {
  if (!boxes.some((box) => box.type === "ftyp" || box.type === "moov" || box.type === "mdat")) return null;
  const index = boxes.findIndex((box) => box.type === "moov");
  const media = boxes.findIndex((box) => box.type === "mdat" || box.type === "moof");
  const truncated = boxes.some((box) => box.end > size) || index === -1;
  return { indexFirst: index !== -1 && (media === -1 || index < media), truncated };
}
