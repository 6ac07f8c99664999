/**
 * How long a result is good for, in milliseconds: `/readyz` needs no credential and may be called often, and a check by a
 * real write costs the operator.
 */
const GOOD_FOR_MS = 60_000;
/** Shorter after a failure, because the operator is usually watching while fixing it. */
const BAD_FOR_MS = 2_000;

/** Keeps the result of a check for a while. */
export class RememberedCheck {
  readonly #clock: () => number;
  // only the result is shared: one request must not await another request's promise
  #last: { readonly failure: string | null; readonly until: number } | null = null;

  /** @param clock epoch milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * @param check what is wrong, for the operator; null if nothing is
   * @returns its result, or that of an earlier one that is still good
   */
  async run(check: () => Promise<string | null>): Promise<string | null> {
    if (this.#last && this.#clock() < this.#last.until) return this.#last.failure;
    const failure = await check();
    this.#last = { failure, until: this.#clock() + (failure === null ? GOOD_FOR_MS : BAD_FOR_MS) };
    return failure;
  }
}
