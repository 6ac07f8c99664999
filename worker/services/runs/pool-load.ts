import type { RunSlots } from "../../../schema/run-slots.ts";
import type { RunClass } from "./capacity.ts";

/** Runs of an instance, as the database counts them. */
export interface InstanceRuns {
  /** Name of the instance. */
  readonly runner: string;
  readonly runs: number;
  /** How many of them belong to batches. */
  readonly ofBatches: number;
}

/** An instance that did not answer is asked after the others for this long, in milliseconds. */
const DOWN_MS = 30_000;

/** What is known of one instance. */
interface Known {
  runs: number;
  ofBatches: number;
  /** Runs that are on their way to it. */
  reserved: number;
  /** Until when it is assumed to have no slot, in epoch milliseconds. */
  readonly fullUntil: Record<RunClass, number>;
  downUntil: number;
}

/**
 * This isolate's estimate of how busy each instance is: counted by the database from time to time, and corrected by the
 * instances' responses meanwhile. It only decides which is asked first, so a wrong estimate costs a request, never a
 * job.
 */
export class PoolLoad {
  readonly #slots: RunSlots | null;
  readonly #known = new Map<string, Known>();

  /** @param slots of each instance; null if unknown, which is as many as it accepts */
  constructor(slots: RunSlots | null) {
    this.#slots = slots;
  }

  /** Replaces the counts of all instances. */
  count(instances: readonly InstanceRuns[]): void {
    for (const known of this.#known.values()) Object.assign(known, { runs: 0, ofBatches: 0 });
    for (const { runner, runs, ofBatches } of instances) Object.assign(this.#of(runner), { runs, ofBatches });
  }

  /** True if the instance is assumed to have a slot. */
  hasRoom(name: string, runClass: RunClass, now: number): boolean {
    const { runs, ofBatches, reserved, fullUntil } = this.#of(name);
    if (fullUntil[runClass] > now) return false;
    if (this.#slots === null) return true;
    const { all, reserved: forSingles } = this.#slots;
    return runs + reserved < all && (runClass === "single" || ofBatches + reserved < all - forSingles);
  }

  /** True if nothing is assumed to run there. */
  isEmpty(name: string): boolean {
    const { runs, reserved } = this.#of(name);
    return runs + reserved === 0;
  }

  isDown(name: string, now: number): boolean {
    return this.#of(name).downUntil > now;
  }

  /** A run is on its way there. */
  reserve(name: string): void {
    this.#of(name).reserved += 1;
  }

  /** A run that was on its way did not begin there. */
  release(name: string): void {
    const known = this.#of(name);
    known.reserved = Math.max(0, known.reserved - 1);
  }

  /** A run that was on its way was accepted. */
  accepted(name: string, runClass: RunClass): void {
    const known = this.#of(name);
    this.release(name);
    known.runs += 1;
    known.ofBatches += Number(runClass === "batch");
    known.downUntil = 0;
  }

  /** The instance has no slot. Without one for a single job, there is none for a job of a batch either. */
  full(name: string, runClass: RunClass, until: number): void {
    const { fullUntil } = this.#of(name);
    fullUntil.batch = Math.max(fullUntil.batch, until);
    if (runClass === "single") fullUntil.single = until;
  }

  /** The instance did not answer. */
  down(name: string, now: number): void {
    this.#of(name).downUntil = now + DOWN_MS;
  }

  /** A run ended there. @param freeSlots as the instance reports them; undefined: it does not */
  freed(name: string, runClass: RunClass, freeSlots?: number): void {
    const known = this.#of(name);
    known.runs = Math.max(0, known.runs - 1);
    known.ofBatches = Math.max(0, known.ofBatches - Number(runClass === "batch"));
    if (freeSlots === undefined || freeSlots <= 0) return;
    Object.assign(known.fullUntil, { single: 0, batch: 0 });
    if (this.#slots !== null) known.runs = Math.max(0, this.#slots.all - freeSlots);
  }

  #of(name: string): Known {
    const known = this.#known.get(name);
    if (known) return known;
    const unknown: Known = {
      ...{ runs: 0, ofBatches: 0, reserved: 0, downUntil: 0 },
      fullUntil: { single: 0, batch: 0 },
    };
    this.#known.set(name, unknown);
    return unknown;
  }
}
