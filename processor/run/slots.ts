import type { Stopwatch } from "../stopwatch.ts";

/** A fair counting semaphore. */
export class Slots {
  readonly capacity: number;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a slot if one is free right now. */
  tryTake(): boolean {
    if (this.#used >= this.capacity) return false;
    this.#used++;
    return true;
  }

  /**
   * Waits for a slot and holds it while `work` runs.
   *
   * @param waits counts the time of waiting, which may be none
   */
  async hold<T>(signal: AbortSignal, waits: Stopwatch, work: () => Promise<T>): Promise<T> {
    waits.start();
    try {
      if (!this.tryTake()) await this.#queue(signal);
    } finally {
      waits.stop();
    }
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  /** Releases a slot; the next waiter gets it at once. */
  release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#used--;
  }

  #queue(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const grant = () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(grant);
    });
  }
}
