import { StorageFault } from "../fault.ts";
import { backoffMs, REAL_CLOCK, type RetryClock } from "../retry.ts";
import { failureOf, type StorageFailure } from "./failure.ts";

/** How long a storage is tried. */
export interface RetryOptions {
  readonly clock?: RetryClock | undefined;
  /** Attempts of one request, including the first. Default 6. */
  readonly attempts?: number | undefined;
}

export interface RetrierOptions extends RetryOptions {
  /** Texts that must not appear in an error. */
  readonly secrets: readonly string[];
}

export interface RetrierRunOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called before each repetition. */
  readonly onRetry?: (() => void) | undefined;
}

const BACKOFF = { firstMs: 200, maxMs: 10_000 };
const MAX_RETRY_AFTER_MS = 60_000;

/** Repeats requests to one storage while it makes sense, and says what is wrong when it does not. */
export class Retrier {
  readonly clock: RetryClock;
  readonly #attempts: number;
  readonly #secrets: readonly string[];

  constructor({ clock = REAL_CLOCK, attempts = 6, secrets }: RetrierOptions) {
    this.clock = clock;
    this.#attempts = attempts;
    this.#secrets = secrets.filter((secret) => secret !== "");
  }

  /**
   * @param once one attempt; gets its number, from 1, and may throw anything
   * @throws Fault `upload_refused` or `upload_failed` as {@link failureOf} says, or the signal's reason
   */
  async run<T>(
    once: (attempt: number) => Promise<T>,
    { signal, onRetry }: RetrierRunOptions = {},
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      try {
        return await once(attempt);
      } catch (error) {
        signal?.throwIfAborted();
        const failure = failureOf(error);
        if (!failure.retryable || attempt >= this.#attempts) throw this.#fault(failure);
        onRetry?.();
        await this.clock.sleep(this.#delay(attempt, failure), signal);
      }
    }
  }

  #delay(attempt: number, { retryAfterMs = 0 }: StorageFailure): number {
    const requested = Math.min(MAX_RETRY_AFTER_MS, retryAfterMs);
    return Math.max(requested, backoffMs(attempt, BACKOFF, this.clock.random));
  }

  #fault({ code, detail, retryable, retryAfterMs, permission }: StorageFailure): StorageFault {
    const shown = this.#secrets.reduce((text, secret) => text.replaceAll(secret, "***"), detail);
    return new StorageFault(code, shown, { retryAfterMs, transient: retryable, subject: permission });
  }
}
