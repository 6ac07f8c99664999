import type { RequestContext } from "../../context.ts";
import { Connection } from "../../db/connection.ts";
import { countDue } from "../../db/job-queue.ts";
import { ApiError } from "../../lib/api-error.ts";

/** How old the count may be, in seconds; anyone who was refused may ask again when there is a new one. */
const COUNTED_FOR_SECONDS = 10;

/**
 * How many jobs of the whole service are due and wait for a processor, as far as this isolate knows: counted after
 * a response every few seconds while jobs come in, and every job that was accepted here since then is added. So the
 * limit costs no request a round trip, and is as exact as a protection needs to be.
 */
export class Backlog {
  readonly #limit: number;
  #counted = 0;
  /** Accepted here since the counting began. */
  #accepted = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Makes room for jobs that are to be accepted. @throws ApiError `overloaded` when there is none */
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

  /** On a connection of its own: any replica may answer. */
  async #countAgain({ d1, clock }: RequestContext): Promise<void> {
    const { db } = new Connection(d1, "first-unconstrained");
    const before = this.#accepted;
    this.#counted = await countDue(db, clock(), this.#limit + 1);
    this.#accepted -= before;
  }
}
