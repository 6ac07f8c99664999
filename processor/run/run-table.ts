import type { RunSlots } from "../../schema/run-slots.ts";
import type { RunRequest } from "../../schema/wire/run.ts";
import type { RunHandle } from "./run.ts";

/** Starts one run; the handle's `done` never rejects. */
export type StartRun = (request: RunRequest) => RunHandle;

export type Admission =
  | { readonly type: "accepted" }
  /** No free slot: ask again after this many seconds. */
  | { readonly type: "busy"; readonly retryAfterSeconds: number };

/** Delay for dispatch messages that find no free slot. The Worker fills slots when runs end. */
const BUSY_SECONDS = 5;
/** A processor that is shutting down accepts no more runs, so another one should get the dispatch message soon. */
const DRAINING_SECONDS = 2;

/** Longest time for which other runs are refused so that the processor becomes empty for a run that must be alone. */
const HOLD_MS = 10 * 60_000;
/** The processor is kept free for this long after the last request of such a run. */
const HOLD_WITHOUT_ASKING_MS = 2 * 60_000;
/** If it did not become empty, others are accepted again for this long, because a recording may take hours. */
const HOLD_PAUSE_MS = 10 * 60_000;

/** When a run first and last asked to be alone. */
interface Hold {
  readonly jobId: string;
  readonly since: number;
  readonly askedAt: number;
}

/** The runs of this processor: admission, replacement, cancellation, drain. */
export class RunTable {
  readonly #slots: RunSlots;
  readonly #start: StartRun;
  readonly #runs = new Map<string, RunHandle>();
  /** Runs that belong to batches. */
  readonly #ofBatches = new Set<RunHandle>();
  readonly #now: () => number;
  #draining = false;
  /** The run that has the processor for itself. */
  #alone: RunHandle | null = null;
  #hold: Hold | null = null;

  constructor(slots: RunSlots, start: StartRun, now: () => number = () => performance.now()) {
    this.#slots = slots;
    this.#start = start;
    this.#now = now;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** Number of runs that can be accepted once one of the present runs is over. */
  get freeAfterOne(): number {
    if (this.#draining) return 0;
    // the run that waits to be alone is the next one
    return this.#isHeld() ? Number(this.#runs.size <= 1) : this.#slots.all - this.#runs.size + 1;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Accepts a run if there is a slot. The same claim sent twice is one run; a newer claim replaces an older one. */
  async admit(request: RunRequest): Promise<Admission> {
    if (this.#draining) return { type: "busy", retryAfterSeconds: DRAINING_SECONDS };
    const running = this.#runs.get(request.job_id);
    if (running) {
      if (running.attempt >= request.attempt) return { type: "accepted" };
      running.stop("lost");
      await running.done;
      return this.admit(request);
    }
    if (!this.#mayEnter(request)) return { type: "busy", retryAfterSeconds: BUSY_SECONDS };
    if (!this.#hasSlot(request.batch)) return { type: "busy", retryAfterSeconds: BUSY_SECONDS };
    const handle = this.#start(request);
    this.#runs.set(request.job_id, handle);
    if (request.batch) this.#ofBatches.add(handle);
    if (request.alone) {
      this.#alone = handle;
      this.#hold = null;
    }
    void handle.done.then(() => {
      if (this.#alone === handle) this.#alone = null;
      this.#ofBatches.delete(handle);
      if (this.#runs.get(request.job_id) === handle) this.#runs.delete(request.job_id);
    });
    return { type: "accepted" };
  }

  /** Whether the run may start next to others, or is alone; a run that waits to be alone keeps others out meanwhile. */
  #mayEnter({ job_id, alone }: RunRequest): boolean {
    if (this.#alone !== null) return false;
    if (!alone) return !this.#isHeld();
    if (this.#runs.size === 0) return true;
    const now = this.#now();
    const held = this.#hold;
    const isOld = held === null || now - held.since >= HOLD_MS + HOLD_PAUSE_MS;
    if (isOld) this.#hold = { jobId: job_id, since: now, askedAt: now };
    else if (held.jobId === job_id) this.#hold = { ...held, askedAt: now };
    return false;
  }

  /** True while the processor is kept free for a run that must be alone. */
  #isHeld(): boolean {
    if (this.#hold === null) return false;
    const now = this.#now();
    return now - this.#hold.since < HOLD_MS && now - this.#hold.askedAt < HOLD_WITHOUT_ASKING_MS;
  }

  #hasSlot(batch: boolean): boolean {
    const { all, reserved } = this.#slots;
    return this.#runs.size < all && (!batch || this.#ofBatches.size < all - reserved);
  }

  /** Resolves when no run of this job is left. */
  async finished(jobId: string): Promise<void> {
    await this.#runs.get(jobId)?.done;
  }

  /** Stops the run of a cancelled job, if there is one; resolves when its tools have ended. */
  async cancel(jobId: string): Promise<boolean> {
    const run = this.#runs.get(jobId);
    if (!run) return false;
    run.stop("cancelled");
    await run.done;
    return true;
  }

  /** Accepts no more runs, gives the present ones `graceMs` to finish, then hands the rest back to the Worker. */
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
