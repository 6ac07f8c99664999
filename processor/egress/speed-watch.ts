import { SourceFault } from "../fault.ts";

/** The least that a source must give. */
export interface SpeedLimit {
  /** Time over which it is measured, in milliseconds: no source is given up sooner. */
  readonly stallMs: number;
  readonly minBytesPerSecond: number;
}

/** Calls back again and again, injected so that tests need not wait. */
export interface Ticker {
  /** @returns what ends it */
  every(ms: number, tick: () => void): () => void;
}

export const REAL_TICKER: Ticker = {
  every(ms, tick) {
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** The source gives next to nothing: repeating the request cannot help this run. */
export class StalledError extends SourceFault {
  constructor({ stallMs, minBytesPerSecond }: SpeedLimit) {
    super("network", `less than ${minBytesPerSecond} bytes per second for ${stallMs / 1000} s`);
  }
}

/** Parts of the time that is measured; a stall is detected at most one part too late. */
const PARTS = 6;

/**
 * Ends a transfer that gets next to nothing, whatever its connections do meanwhile: no response, a byte now and then,
 * or one broken connection after the other. Time in which the reader lets the source wait does not count.
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

  /** The reader lets the source wait until {@link resume}; both may be called several times. */
  pause(): void {
    this.#pauses++;
  }

  /** From now on the source is measured anew. */
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
