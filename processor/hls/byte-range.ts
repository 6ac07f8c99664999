import { SourceFault } from "../fault.ts";

/** A range of bytes of a file; `end` is exclusive. */
export interface PlaylistRange {
  readonly start: number;
  readonly end: number;
}

/** Numbers of up to 15 digits, so that sums are exact. */
const RANGE = /^(\d{1,15})(?:@(\d{1,15}))?$/;

/** Reads ranges of the form `length[@offset]`. Without an offset, a range begins where the last one of its file ended. */
export class RangeReader {
  readonly #ends = new Map<string, number>();

  /** @throws Fault `network` for anything else */
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
