/** Kinds of routes that are counted separately: those that only read, and those that change something. */
export type RateClass = "read" | "write";

/** Length of the window of the limits, in seconds; the platform's counters use the same. */
export const WINDOW_SECONDS = 60;

/** What a caller sees of a limit. */
export interface RateVerdict {
  readonly allowed: boolean;
  readonly limit: number;
  /** As far as this isolate knows. */
  readonly remaining: number;
  /** Whole seconds until the window ends; waiting that long succeeds. */
  readonly resetSeconds: number;
}

/**
 * Limits requests per key and minute. The isolate counts its own requests exactly. The platform's counter, shared by
 * the isolates of one location and accurate within seconds, limits all of them together.
 */
export class RateLimits {
  readonly #limits: Readonly<Record<RateClass, number>>;
  readonly #shared: Readonly<Record<RateClass, RateLimit>>;
  readonly #counts = new Map<string, number>();
  #window = 0;

  constructor(limits: Readonly<Record<RateClass, number>>, shared: Readonly<Record<RateClass, RateLimit>>) {
    this.#limits = limits;
    this.#shared = shared;
  }

  /** Counts a request. If the platform's counter fails, the request passes. @param now epoch milliseconds */
  async take(rateClass: RateClass, key: string, now: number): Promise<RateVerdict> {
    const limit = this.#limits[rateClass];
    const window = Math.floor(now / 1000 / WINDOW_SECONDS);
    if (window !== this.#window) this.#counts.clear();
    this.#window = window;
    const name = `${rateClass}:${key}`;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    const allowed = count <= limit && (await this.#isAllowedByAll(rateClass, key));
    return {
      allowed,
      limit,
      remaining: allowed ? limit - count : 0,
      resetSeconds: Math.ceil((window + 1) * WINDOW_SECONDS - now / 1000),
    };
  }

  async #isAllowedByAll(rateClass: RateClass, key: string): Promise<boolean> {
    try {
      return (await this.#shared[rateClass].limit({ key })).success;
    } catch {
      return true;
    }
  }
}
