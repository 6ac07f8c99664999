import type { RunRequest } from "../../../schema/wire/run.ts";
import { completed } from "./delivery.ts";
import type { Harness } from "./harness.ts";

/** A processor with this many slots, whose runs end when the test says so. */
export class ScriptedProcessor {
  /** Accepted runs that have not ended, the oldest first. */
  readonly running: RunRequest[] = [];
  /** Called with each accepted run, before it counts as running. */
  onStart: (run: RunRequest) => void = () => {};
  readonly #worker: Harness;
  readonly #slots: { readonly all: number; readonly reserved: number };

  constructor(worker: Harness, all: number, reserved = 0) {
    this.#worker = worker;
    this.#slots = { all, reserved };
    worker.network.onRun = () => this.#admit(worker.network.run);
  }

  /** Completes the oldest run, or the one at this index, and waits until its slot is filled again. */
  async finish(index = 0): Promise<void> {
    const [run] = this.running.splice(index, 1);
    if (!run) throw new Error("nothing runs");
    const response = await this.#worker.report(run, "outcome", completed);
    if (!response.ok) throw new Error(`the outcome was answered ${response.status}`);
  }

  #admit(run: RunRequest): Response {
    const { all, reserved } = this.#slots;
    const ofBatches = this.running.filter(({ batch }) => batch).length;
    const isFull = this.running.length >= all || (run.batch && ofBatches >= all - reserved);
    if (isFull) return new Response(null, { status: 503, headers: { "retry-after": "5" } });
    this.onStart(run);
    this.running.push(run);
    return Response.json({ v: 1 }, { status: 202 });
  }
}
