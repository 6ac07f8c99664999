/**
 * How long something lasted, in wall time: work in parallel counts once.
 *
 * @example
 * const waits = new Stopwatch();
 * await Promise.all([waits.during(() => slot()), waits.during(() => slot())]);
 * waits.ms; // the longer of the two; null if neither had been started
 */
export class Stopwatch {
  readonly #now: () => number;
  #running = 0;
  #since = 0;
  #sum: number | null = null;

  /** @param now monotonic milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whole milliseconds so far; null if it was never started. */
  get ms(): number | null {
    if (this.#sum === null) return null;
    return Math.round(this.#sum + (this.#running > 0 ? this.#now() - this.#since : 0));
  }

  /** Counts the time until the work settles. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      return await work();
    } finally {
      this.stop();
    }
  }

  /** Each call needs one of {@link stop}. */
  start(): void {
    this.#sum ??= 0;
    if (this.#running++ === 0) this.#since = this.#now();
  }

  stop(): void {
    if (--this.#running === 0) this.#sum = (this.#sum ?? 0) + this.#now() - this.#since;
  }
}
