import type { RunRequest } from "../../schema/wire/run.ts";
import type { RunHandle } from "./run.ts";

/** How many runs there may be at the same time. */
export interface RunSlots {
  readonly all: number;
  /** Of these, how many are for runs that belong to no batch. */
  readonly reserved: number;
}

/** A batch gets at least one slot, or it would never end. @param reserved undefined: a quarter, 1 at least */
export function slotsOf(all: number, reserved = Math.max(1, Math.floor(all / 4))): RunSlots {
  return { all, reserved: Math.min(reserved, all - 1) };
}

/** Starts one run; the handle's `done` never rejects. */
export type StartRun = (request: RunRequest) => RunHandle;

export type Admission =
  | { readonly type: "accepted" }
  /** No free slot: ask again after so many seconds. */
  | { readonly type: "busy"; readonly retryAfterSeconds: number };

/** Slots come free when a run ends, and the Worker fills them then; this is for dispatch messages that meet a full house. */
const BUSY_SECONDS = 5;
/** A processor that is going down will not be free again: the dispatch message is better off elsewhere. */
const DRAINING_SECONDS = 2;

/** The runs of this processor: admission, replacement, cancellation, drain. */
export class RunTable {
  readonly #slots: RunSlots;
  readonly #start: StartRun;
  readonly #runs = new Map<string, RunHandle>();
  /** Those that belong to batches. */
  readonly #ofBatches = new Set<RunHandle>();
  #draining = false;

  constructor(slots: RunSlots, start: StartRun) {
    this.#slots = slots;
    this.#start = start;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** Runs that can be taken when one of those in progress is over. */
  get freeAfterOne(): number {
    return this.#draining ? 0 : this.#slots.all - this.#runs.size + 1;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Takes a run if there is a slot. The same claim sent twice is one run; a newer claim replaces an older one. */
  async admit(request: RunRequest): Promise<Admission> {
    if (this.#draining) return { type: "busy", retryAfterSeconds: DRAINING_SECONDS };
    const running = this.#runs.get(request.job_id);
    if (running) {
      if (running.attempt >= request.attempt) return { type: "accepted" };
      running.stop("lost");
      await running.done;
      return this.admit(request);
    }
    if (!this.#hasSlot(request.batch)) return { type: "busy", retryAfterSeconds: BUSY_SECONDS };
    const handle = this.#start(request);
    this.#runs.set(request.job_id, handle);
    if (request.batch) this.#ofBatches.add(handle);
    void handle.done.then(() => {
      this.#ofBatches.delete(handle);
      if (this.#runs.get(request.job_id) === handle) this.#runs.delete(request.job_id);
    });
    return { type: "accepted" };
  }

  #hasSlot(batch: boolean): boolean {
    const { all, reserved } = this.#slots;
    return this.#runs.size < all && (!batch || this.#ofBatches.size < all - reserved);
  }

  /** Resolves when no run of this job is left. */
  async finished(jobId: string): Promise<void> {
    await this.#runs.get(jobId)?.done;
  }

  /** Stops the run of a job that was cancelled, if there is one; resolves when its tools are gone. */
  async cancel(jobId: string): Promise<boolean> {
    const run = this.#runs.get(jobId);
    if (!run) return false;
    run.stop("cancelled");
    await run.done;
    return true;
  }

  /** Takes no more runs, lets the running ones finish for `graceMs`, then hands the rest back to the Worker. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const all = () => Promise.all([...this.#runs.values()].map((run) => run.done));
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(() => timeout.resolve(), graceMs);
    await Promise.race([all(), timeout.promise]);
    clearTimeout(timer);
    for (const run of this.#runs.values()) run.stop("drained");
    await all();
  }
}
