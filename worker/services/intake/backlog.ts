import type { RequestContext } from "../../context.ts";
import { Connection } from "../../db/connection.ts";
import { countDue } from "../../db/job-queue.ts";
import { ApiError } from "../../lib/api-error.ts";

/** Maximum age of the count, in seconds; a refused client may try again when there is a new one. */
const COUNTED_FOR_SECONDS = 10;

/**
 * How many jobs of the whole service are due and wait for a processor, as far as this isolate knows: counted after
 * a response every few seconds while jobs arrive, plus every job accepted here since then. So the limit costs no request
 * a round trip, and is exact enough for a protection.
 */
export class Backlog {
  readonly #limit: number;
  #counted = 0;
  /** Jobs accepted here since the last count began. */
  #accepted = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Reserves room for jobs that will be accepted. @throws ApiError `overloaded` if there is none */
  admit(context: RequestContext, jobs: number): void {
    const now = context.clock();
    if (now - this.#countedAt >= COUNTED_FOR_SECONDS * 1000) {
      this.#countedAt = now;
      context.defer(this.#countAgain(context));
    }
    if (this.#counted + this.#accepted + jobs > this.#limit) {
      throw new ApiError("overloaded", { retryAfterSeconds: COUNTED_FOR_SECONDS });
    }
    this.#accepted += jobs;
  }

  /** Uses a connection of its own, because any replica will do. */
  async #countAgain({ d1, clock }: RequestContext): Promise<void> {
    const { db } = new Connection(d1, "first-unconstrained");
    const before = this.#accepted;
    this.#counted = await countDue(db, clock(), this.#limit + 1);
    this.#accepted -= before;
  }
}
