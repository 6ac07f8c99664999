/** Jobs that wait for a pace return one after the other, this long apart at most, in milliseconds. */
const LONGEST_GAP_MS = 1_000;
/** No job is postponed for longer: meanwhile the pace may have grown. */
const LONGEST_MS = 20_000;

/**
 * Spreads the jobs that wait for the pace of their site, as far as this isolate postpones them, so that they do not all
 * return for the same free place.
 */
export class PaceQueue {
  #tail = 0;

  /**
   * @param now epoch milliseconds
   * @param until when the next place is free
   * @param exits how many exits offer places
   */
  dueAt(now: number, until: number, exits: number): number {
    const gap = LONGEST_GAP_MS / Math.max(1, exits);
    this.#tail = Math.max(until, this.#tail + gap);
    if (this.#tail > now + LONGEST_MS) this.#tail = until;
    return Math.ceil(this.#tail);
  }
}
