/** Connections of a source that nothing is known about. */
const FIRST = 2;
/** Time over which a rate is measured, in milliseconds. */
const WINDOW_MS = 150;
/** More connections must bring at least this factor, or they are not worth their cost to the source. */
const GAIN = 1.15;
/** A number that proved right is doubted after this long, because lines change. */
const DOUBT_MS = 5_000;

export interface AdaptiveOptions {
  /** Most connections. */
  readonly most: number;
  /** What was right for an earlier run with the same host. Default 2. */
  readonly first?: number | undefined;
  /** Called with each number that proved right. */
  readonly onSettled?: (connections: number) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/**
 * The number of connections to read a source through: two at first, twice as many as long as that makes it faster, and
 * fewer again when it does not. Some sources limit each connection, others all of them together; only trying shows which.
 * Refusals are not counted here: the connection gate remembers those for every run.
 */
export class AdaptiveConnections {
  readonly #options: AdaptiveOptions;
  readonly #now: () => number;
  #allowed: number;
  /** The number before the last change, and the rate that it reached. */
  #proven: number;
  #provenRate = 0;
  #isGrowing = true;
  /** New connections first have to be made. */
  #isFresh = true;
  #bytes = 0;
  #since: number | null = null;

  constructor(options: AdaptiveOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#allowed = Math.min(options.most, options.first ?? FIRST);
    this.#proven = this.#allowed;
  }

  /** Connections that may be in use now. */
  get allowed(): number {
    return this.#allowed;
  }

  /** Counts bytes that arrived. */
  add(bytes: number): void {
    const now = this.#now();
    this.#since ??= now;
    this.#bytes += bytes;
    const elapsed = now - this.#since;
    if (elapsed < (this.#isGrowing ? WINDOW_MS : DOUBT_MS)) return;
    const rate = this.#bytes / elapsed;
    this.#bytes = 0;
    this.#since = now;
    if (this.#isFresh) this.#isFresh = false;
    else this.#judge(rate);
  }

  #judge(rate: number): void {
    if (!this.#isGrowing) {
      // what it reaches now is what more connections have to surpass
      this.#isGrowing = true;
      this.#provenRate = 0;
    }
    if (rate <= this.#provenRate * GAIN) {
      this.#settle(this.#proven);
      return;
    }
    this.#proven = this.#allowed;
    this.#provenRate = rate;
    this.#allowed = Math.min(this.#options.most, this.#allowed * 2);
    this.#isFresh = true;
    if (this.#allowed === this.#proven) this.#settle(this.#proven);
  }

  #settle(connections: number): void {
    this.#allowed = connections;
    this.#isGrowing = false;
    this.#options.onSettled?.(connections);
  }
}
