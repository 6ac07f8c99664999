import { FailingDatabase } from "./failing-database.ts";

/** A database behind a Worker that dies after a number of its calls, as after `kill -9`: nothing that follows happens. */
export class DyingWorker {
  readonly database: FailingDatabase;
  #deathAt = Number.POSITIVE_INFINITY;
  #isAnswerLost = false;

  constructor(d1: D1Database) {
    this.database = new FailingDatabase(d1);
    this.database.failureOf = (call) => {
      if (call < this.#deathAt) return null;
      return call === this.#deathAt && this.#isAnswerLost ? "answer_lost" : "refused";
    };
  }

  /**
   * Does work that dies at its first call, then work that dies at its second one, and so on, until it reaches its end:
   * twice for each call, once before it reached the database and once after.
   *
   * @param between called after each death
   * @returns how often it died
   */
  async dieEverywhere(work: () => Promise<boolean>, between: () => Promise<void> | void): Promise<number> {
    let deaths = 0;
    for (let calls = 1; ; calls++) {
      for (const isAnswerLost of [false, true]) {
        this.#isAnswerLost = isAnswerLost;
        this.#deathAt = this.database.calls + calls;
        const isAlive = await work().catch(() => false);
        const hasDied = this.database.calls >= this.#deathAt;
        this.#deathAt = Number.POSITIVE_INFINITY;
        if (isAlive && !hasDied) return deaths;
        deaths += 1;
        await between();
      }
    }
  }
}
