import type { JobRow } from "../../db/job-rows.ts";

/** Processors reserve some slots for jobs without a batch, so there may be room for these only. */
export type RunClass = "single" | "batch";

export const runClassOf = ({ batch_id }: Pick<JobRow, "batch_id">): RunClass =>
  batch_id === null ? "single" : "batch";

/**
 * This isolate's memory of busy processors, which avoids claiming jobs repeatedly while no slot is free. It may be
 * wrong: another isolate may know better. A run that ends and frees a slot corrects it.
 */
export class Capacity {
  readonly #busyUntil: Record<RunClass, number> = { single: 0, batch: 0 };

  /** Seconds until a try makes sense; 0 if it does now. */
  waitSeconds(now: number, runClass: RunClass): number {
    return Math.max(0, Math.ceil((this.#busyUntil[runClass] - now) / 1000));
  }

  /** If there is no slot for a single job, there is none for a job of a batch either. */
  noteBusy(now: number, runClass: RunClass, retryAfterSeconds: number): void {
    const until = now + retryAfterSeconds * 1000;
    this.#busyUntil.batch = Math.max(this.#busyUntil.batch, until);
    if (runClass === "single") this.#busyUntil.single = until;
  }

  /** Takes over what another isolate knows. */
  learn({ single, batch }: Capacity["busyUntil"]): void {
    this.#busyUntil.single = single;
    this.#busyUntil.batch = batch;
  }

  /** Until when no slot is assumed to be free, in epoch milliseconds. */
  get busyUntil(): Readonly<Record<RunClass, number>> {
    return this.#busyUntil;
  }
}
