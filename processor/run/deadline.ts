/** The moment at which a run has taken too long. */
export class Deadline {
  readonly #seconds: number;
  readonly #onLate: () => void;
  #timer: NodeJS.Timeout;

  /** @param seconds from now on */
  constructor(seconds: number, onLate: () => void) {
    this.#seconds = seconds;
    this.#onLate = onLate;
    this.#timer = setTimeout(onLate, seconds * 1000);
  }

  /** Extends it: the first term starts again, plus this many seconds. */
  extend(seconds: number): void {
    this.clear();
    this.#timer = setTimeout(this.#onLate, (this.#seconds + seconds) * 1000);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
