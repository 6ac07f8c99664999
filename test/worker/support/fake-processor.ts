import { objectKey, stemOf } from "../../../schema/storage/object-key.ts";
import type { Delivery } from "../../../schema/wire/callback.ts";
import type { RunRequest } from "../../../schema/wire/run.ts";
import { delivery } from "./delivery.ts";
import type { Harness } from "./harness.ts";
import type { MemoryStorage } from "./memory-storage.ts";

export const sha256 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** More rounds than any mix of runs needs: a run has fewer than ten steps and waits for at most all others. */
const MOST_ROUNDS = 1_000;

/**
 * Ends all runs, a step of each in turn: a run may have to wait until another has published the same name.
 *
 * @throws Error when some wait for each other for good
 */
export async function finishAll(runs: readonly FakeRun[]): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const running = runs.filter(({ isOver }) => !isOver);
    if (running.length === 0) return;
    for (const run of running) await run.step();
  }
  throw new Error(`runs do not end: ${runs.flatMap((run) => (run.isOver ? [] : [run.key])).join(", ")}`);
}

/** A run that advances by one report or one written object at a time, under the test's control. */
export class FakeRun {
  readonly run: RunRequest;
  readonly key: string;
  /** Objects were written that the Worker has not been informed of. */
  hasWritten = false;
  isOver = false;
  readonly #worker: Harness;
  readonly #storage: MemoryStorage;
  readonly #steps: Iterator<Promise<boolean>>;
  #next: IteratorResult<Promise<boolean>, unknown> | null = null;

  constructor(worker: Harness, storage: MemoryStorage, run: RunRequest) {
    this.run = run;
    this.#worker = worker;
    this.#storage = storage;
    const { filename, plan, key_prefix } = run;
    this.key = objectKey({ ...key_prefix, filename: filename ?? "media", extension: plan.format });
    this.#steps = this.#script();
  }

  /** What the object holds. */
  get content(): string {
    return `media of ${this.run.job_id}, attempt ${this.run.attempt}`;
  }

  get delivery(): Delivery {
    const stem = stemOf(this.key);
    const { subtitles: asked, thumbnail } = this.run;
    const subtitles = (asked?.languages ?? []).map((language) => ({
      language,
      key: `${stem}${language}.vtt`,
    }));
    return {
      ...delivery,
      ...{ key: this.key, subtitles, subtitle_key: subtitles[0]?.key ?? null },
      ...{ thumbnail_key: thumbnail ? `${stem}jpg` : null, file_size: this.content.length, adjustments: [] },
    };
  }

  /** Makes one step; the next call repeats a report that the Worker postpones. */
  async step(): Promise<void> {
    if (this.isOver) return;
    this.#next = this.#steps.next();
    if (this.#next.done) this.isOver = true;
    else if (!(await this.#next.value)) this.isOver = true;
  }

  finish(): Promise<void> {
    return finishAll([this]);
  }

  *#script(): Generator<Promise<boolean>> {
    yield this.#report("upload", { key: this.key, ref: "u" });
    let granted = false;
    while (!granted) {
      yield this.#worker.report(this.run, "publish").then(({ status }) => {
        granted = status === 200;
        return status === 200 || status === 503;
      });
    }
    yield this.#write(this.key, this.content);
    const { subtitles, thumbnail_key } = this.delivery;
    for (const { key } of subtitles) yield this.#write(key, `subtitles of ${this.run.job_id}`);
    if (thumbnail_key !== null) yield this.#write(thumbnail_key, `thumbnail of ${this.run.job_id}`);
    yield this.#end();
    // the response may have been lost
    yield this.#end();
  }

  async #report(name: "upload", content: object): Promise<boolean> {
    return (await this.#worker.report(this.run, name, content)).status === 200;
  }

  async #write(key: string, content: string): Promise<boolean> {
    this.hasWritten = true;
    await this.#storage.write(this.run.target, key, content);
    return true;
  }

  async #end(): Promise<boolean> {
    const outcome = { type: "completed", delivery: { ...this.delivery, sha256: await sha256(this.content) } };
    const { status } = await this.#worker.report(this.run, "outcome", { outcome, free_slots: 0 });
    this.hasWritten = false;
    return status === 200;
  }
}
