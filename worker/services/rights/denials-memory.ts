import type { RequestContext } from "../../context.ts";
import { hasDenials } from "../../db/rights/denial-rows.ts";

/** Maximum age, in milliseconds: what is denied meanwhile is refused when its job would run or publish. */
const MEMORY_MS = 10_000;

/** Whether anything is denied: as long as nothing is, no request asks the database about it. */
export class DenialsMemory {
  #isEmpty = true;
  #readAt = Number.NEGATIVE_INFINITY;

  async isEmpty({ db, clock }: Pick<RequestContext, "db" | "clock">): Promise<boolean> {
    if (clock() - this.#readAt > MEMORY_MS) {
      this.#isEmpty = !(await hasDenials(db));
      this.#readAt = clock();
    }
    return this.#isEmpty;
  }

  /** The table was changed. */
  remove(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }
}
