import { Fault, SourceFault } from "../fault.ts";

/** A piece of media, as its source announces it. */
export interface AnnouncedPiece {
  /** Null if it is not stated. */
  readonly seconds: number | null;
  /** The source declares it as a gap. */
  readonly isGap?: boolean;
}

/** Largest missing share: a presentation with one gap is worth delivering; one that is mostly gaps is broken. */
const MAX_MISSING_SHARE = 0.1;
/** Fewer than this are few. With at least this many pieces, one may be missing even if its share is larger. */
const FEW_PIECES = 3;
const MAX_GAP_SHARE = 0.5;

/**
 * Pieces of a presentation that cannot be fetched: declared gaps, and pieces that the source lists but does not have. A
 * few are left out and reported; more make the source unavailable.
 */
export class MissingMedia {
  /** Seconds of each missing piece, by its name: one that is requested again counts once. */
  readonly #missing = new Map<string, number>();
  #gapSeconds = 0;
  #gaps = 0;
  #pieces = 0;
  #seconds = 0;

  /**
   * Sets what the presentation consists of, each time it is read again.
   *
   * @throws Fault `unavailable` if most of it is missing
   */
  expect(pieces: readonly AnnouncedPiece[]): void {
    const gaps = pieces.filter(({ isGap }) => isGap);
    this.#pieces = pieces.length;
    this.#seconds = sum(pieces);
    this.#gaps = gaps.length;
    this.#gapSeconds = sum(gaps);
    if (gaps.length > pieces.length * MAX_GAP_SHARE) {
      throw new SourceFault(
        "unavailable",
        `${gaps.length} of ${pieces.length} segments are declared as gaps`,
      );
    }
  }

  /**
   * Whether a piece that the source does not have may be left out; if so, it is recorded.
   *
   * @param error of reading it
   */
  leaveOut(name: string, seconds: number | null, error: unknown): boolean {
    if (!(error instanceof Fault) || !MISSING.has(error.code)) return false;
    if (this.#missing.has(name)) return true;
    const share = (total(this.#missing) + (seconds ?? 0)) / (this.#seconds || Number.POSITIVE_INFINITY);
    const isOneOfSeveral = this.#missing.size === 0 && this.#pieces >= FEW_PIECES;
    const isFew = this.#missing.size + 1 <= this.#pieces * MAX_MISSING_SHARE && share <= MAX_MISSING_SHARE;
    if (!isOneOfSeveral && !isFew) return false;
    this.#missing.set(name, seconds ?? 0);
    return true;
  }

  /** Whether one more that is missing may be an accident, so that it is worth another request. */
  get areFew(): boolean {
    return this.#missing.size < FEW_PIECES;
  }

  /** Segments that are not in the result. */
  get count(): number {
    return this.#gaps + this.#missing.size;
  }

  /** Their total announced duration. */
  get seconds(): number {
    return this.#gapSeconds + total(this.#missing);
  }
}

/** The source does not know it, or answers with nothing. */
const MISSING: ReadonlySet<string> = new Set(["unavailable", "unsupported_url"]);

const sum = (pieces: readonly AnnouncedPiece[]): number =>
  pieces.reduce((seconds, piece) => seconds + (piece.seconds ?? 0), 0);

const total = (missing: ReadonlyMap<string, number>): number =>
  [...missing.values()].reduce((seconds, piece) => seconds + piece, 0);
