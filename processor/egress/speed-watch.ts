import { SourceFault } from "../fault.ts";

/** The minimum speed of a source. */
export interface SpeedLimit {
  /** Time over which it is measured, in milliseconds; no source fails sooner. */
  readonly stallMs: number;
  readonly minBytesPerSecond: number;
}

/** Calls back at an interval, injected so that tests need not wait. */
export interface Ticker {
  /** @returns a function that stops it */
  every(ms: number, tick: () => void): () => void;
}

export const REAL_TICKER: Ticker = {
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** The source sends next to nothing: repeating the request does not help this run. */
export class StalledError extends SourceFault {
  constructor({ stallMs, minBytesPerSecond }: SpeedLimit) {
    super("network", `less than ${minBytesPerSecond} bytes per second for ${stallMs / 1000} s`);
  }
}

/** Number of parts of the measured time; a stall is detected at most one part late. */
const PARTS = 6;

/**
 * Aborts a transfer that receives next to nothing, for whatever reason: no response, a byte now and then, or a series of
 * broken connections. Time in which the reader pauses the source does not count.
 */
export class SpeedWatch {
  readonly #abort = new AbortController();
  readonly #limit: SpeedLimit;
  readonly #stop: () => void;
  /** Bytes of each of the last parts, the current one last. */
  #parts: number[] = [0];
  #pauses = 0;

  constructor(limit: SpeedLimit, ticker: Ticker = REAL_TICKER) {
    this.#limit = limit;
    this.#stop = ticker.every(limit.stallMs / PARTS, () => this.#tick());
  }

  /** Aborted with a {@link StalledError}. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  add(bytes: number): void {
    this.#parts[this.#parts.length - 1] = (this.#parts.at(-1) ?? 0) + bytes;
  }

  /** The reader pauses the source until {@link resume}; both may be called several times. */
  pause(): void {
    this.#pauses++;
  }

  /** Restarts the measurement. */
  resume(): void {
    this.#pauses--;
    this.#parts = [0];
  }

  close(): void {
    this.#stop();
  }

  #tick(): void {
    if (this.#pauses > 0) return;
    const bytes = this.#parts.reduce((sum, part) => sum + part, 0);
    const { stallMs, minBytesPerSecond } = this.#limit;
    const isMeasured = this.#parts.length === PARTS;
    if (isMeasured && bytes < (minBytesPerSecond * stallMs) / 1000) {
      this.close();
      this.#abort.abort(new StalledError(this.#limit));
    }
    this.#parts.push(0);
    if (isMeasured) this.#parts.shift();
  }
}
