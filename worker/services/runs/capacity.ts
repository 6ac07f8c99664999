import type { JobRow } from "../../db/job-rows.ts";

/** Processors keep some of their slots for jobs that belong to no batch, so there may be room for these alone. */
export type RunClass = "single" | "batch";

export const runClassOf = ({ batch_id }: Pick<JobRow, "batch_id">): RunClass =>
  batch_id === null ? "single" : "batch";

/**
 * This isolate's memory of busy processors, so that jobs are not claimed repeatedly while no slot is free. It may be
 * wrong: another isolate may know better, and an ended run that leaves a slot free corrects it.
 */
export class Capacity {
  readonly #busyUntil: Record<RunClass, number> = { single: 0, batch: 0 };

  /** Seconds until a try makes sense; 0 for now. */
  waitSeconds(now: number, runClass: RunClass): number {
    return Math.max(0, Math.ceil((this.#busyUntil[runClass] - now) / 1000));
  }

  /** If there is no slot for a single job, there is none for a job of a batch either. */
  noteBusy(now: number, runClass: RunClass, retryAfterSeconds: number): void {
    const until = now + retryAfterSeconds * 1000;
    this.#busyUntil.batch = Math.max(this.#busyUntil.batch, until);
    if (runClass === "single") this.#busyUntil.single = until;
  }

  /** Remembers what another knows, and nothing else. */
  learn({ single, batch }: Capacity["busyUntil"]): void {
    this.#busyUntil.single = single;
    this.#busyUntil.batch = batch;
  }

  /** Until when there is assumed to be no slot, in epoch milliseconds. */
  get busyUntil(): Readonly<Record<RunClass, number>> {
    return this.#busyUntil;
  }
}
