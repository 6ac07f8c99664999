/** Connections to a source that nothing is known about. */
const FIRST = 2;
/** Shortest time over which a rate is measured, in milliseconds. */
const WINDOW_MS = 150;
/** On a long line, it is measured for this many times the wait for new connections: each begins slowly. */
const WINDOW_WAITS = 2;
/** More connections must bring at least this factor, or they are not worth their cost to the source. */
const GAIN = 1.15;
/** A number that proved right is doubted after this long, because lines change; each time it is confirmed, after twice as long. */
const DOUBT_MS = { first: 1_000, longest: 16_000 };

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

/** One response that is being read. */
export interface ReadingCount {
  /** Counts bytes that arrived. */
  add(bytes: number): void;
  /** No more will arrive. */
  end(): void;
}

/**
 * The number of connections to read a source through: two at first, twice as many as long as that makes it faster, and
 * fewer again when it does not. Some sources limit each connection, others all of them together; only trying shows which.
 * A number is judged only when as many connections bring bytes: new ones first have to be made, and a reader whose
 * bytes nobody takes asks for no more. Refusals are not counted here: the connection gate remembers those for every run.
 *
 * @example
 * const count = connections.begin();
 * for await (const chunk of response) count.add(chunk.length);
 * count.end();
 */
export class AdaptiveConnections {
  readonly #options: AdaptiveOptions;
  readonly #now: () => number;
  #allowed: number;
  /** The number before the last change, and the rate that it reached. */
  #proven: number;
  #provenRate = 0;
  #isGrowing = true;
  /** Connections that bring bytes. */
  #reading = 0;
  #growth = Promise.withResolvers<void>();
  #changedAt: number;
  #window: Window | null = null;
  #doubtMs = DOUBT_MS.first;

  constructor(options: AdaptiveOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#allowed = Math.min(options.most, options.first ?? FIRST);
    this.#proven = this.#allowed;
    this.#changedAt = this.#now();
  }

  /** Connections that may be in use now. */
  get allowed(): number {
    return this.#allowed;
  }

  /** Resolves when more may be in use than now. */
  get growth(): Promise<void> {
    return this.#growth.promise;
  }

  /** A request is sent. */
  begin(): ReadingCount {
    let isReading = false;
    return {
      add: (bytes) => {
        if (!isReading) {
          isReading = true;
          this.#reading += 1;
        }
        this.#add(bytes);
      },
      end: () => {
        if (isReading) this.#reading -= 1;
        isReading = false;
      },
    };
  }

  #add(bytes: number): void {
    const now = this.#now();
    this.#window ??= this.#nextWindow(now);
    const window = this.#window;
    if (window === null || now < window.begin) return;
    window.bytes += bytes;
    const elapsed = now - window.begin;
    if (elapsed < window.ms) return;
    const before = this.#allowed;
    this.#judge(window.bytes / elapsed);
    this.#window = null;
    this.#changedAt = now;
    if (this.#allowed <= before) return;
    this.#growth.resolve();
    this.#growth = Promise.withResolvers();
  }

  /** Null while the connections that are allowed do not all bring bytes. */
  #nextWindow(now: number): Window | null {
    if (!this.#isGrowing) return { begin: now, ms: this.#doubtMs, bytes: 0 };
    if (this.#reading < this.#allowed) return null;
    const ms = Math.max(WINDOW_MS, WINDOW_WAITS * (now - this.#changedAt));
    return { begin: now + ms, ms, bytes: 0 };
  }

  #judge(rate: number): void {
    if (!this.#isGrowing) {
      // what it reaches now is what more connections have to surpass
      this.#isGrowing = true;
      this.#provenRate = 0;
    }
    if (rate <= this.#provenRate * GAIN) {
      this.#doubtMs = Math.min(DOUBT_MS.longest, this.#doubtMs * 2);
      this.#settle(this.#proven);
      return;
    }
    if (this.#allowed > this.#proven) this.#doubtMs = DOUBT_MS.first;
    this.#proven = this.#allowed;
    this.#provenRate = rate;
    this.#allowed = Math.min(this.#options.most, this.#allowed * 2);
    if (this.#allowed === this.#proven) this.#settle(this.#proven);
  }

  #settle(connections: number): void {
    this.#allowed = connections;
    this.#isGrowing = false;
    this.#options.onSettled?.(connections);
  }
}

/** A measurement of the rate. */
interface Window {
  /** When it begins: before, new connections get up to speed. */
  readonly begin: number;
  readonly ms: number;
  bytes: number;
}
