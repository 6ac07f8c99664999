import { SourceFault } from "../fault.ts";

/** A range of bytes of a file; `end` is exclusive. */
export interface PlaylistRange {
  readonly start: number;
  readonly end: number;
}

/** Up to 10^15, so that sums of them are exact. */
const RANGE = /^(\d{1,15})(?:@(\d{1,15}))?$/;

/** Ranges as `length[@offset]`; without an offset, one begins where the last of the same file ended. */
export class RangeReader {
  readonly #ends = new Map<string, number>();

  /** @throws Fault `network` for anything but a range */
  next(file: string, text: string): PlaylistRange {
    const match = RANGE.exec(text);
    if (!match)
      throw new SourceFault("network", "the playlist has an unreadable byte range", { transient: false });
    const start = match[2] === undefined ? (this.#ends.get(file) ?? 0) : Number(match[2]);
    const end = start + Number(match[1]);
    if (!Number.isSafeInteger(end))
      throw new SourceFault("network", "the playlist has an unreadable byte range", { transient: false });
    this.#ends.set(file, end);
    return { start, end };
  }
}
