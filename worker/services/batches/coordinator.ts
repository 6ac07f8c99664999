import type { RequestContext } from "../../context.ts";
import { advanceBatch } from "../../db/batch-flight.ts";
import { DISPATCH_GRACE_MS, sendDispatchMessages } from "../queue/sender.ts";
import { cancelRest } from "./cancel.ts";
import { finishBatch } from "./finish.ts";
import { BATCH_GRACE_MS } from "./grace.ts";
import { isBeingListed } from "./list-state.ts";

/** Interval between checks, in milliseconds; lost reports are made up for after this. */
const TICK_MS = 30_000;
/** The same while the account's own limit holds jobs back. */
const STARVED_TICK_MS = 5_000;

/** Delay until the next check, in milliseconds; null if the batch is paused or finished. */
export type NextTick = number | null;

/**
 * Drives one batch: releases its jobs in order while there is room, and ends it after the last one. Its
 * memory only saves queries and may be lost at any time; reports may be lost or repeated.
 */
export class BatchCoordinator {
  readonly #id: string;
  /** Released jobs that were not reported as ended; null if unknown. */
  #flight: Set<string> | null = null;
  /** With more jobs than this in flight, there is nothing to do. */
  #lowWater = 0;
  /** Jobs that were reported during a check, which may have missed them. */
  readonly #reported = new Set<string>();
  #ticking: Promise<NextTick> | null = null;
  #isAskedAgain = false;
  #version = 0;
  #listingDueAt: number | null = null;
  readonly #watchers = new Set<() => void>();

  constructor(id: string) {
    this.#id = id;
  }

  /** When the list is to be read on, as of the last check, in epoch milliseconds; null if it need not be. */
  get listingDueAt(): number | null {
    return this.#listingDueAt;
  }

  /** Takes the report of a job's end. Undefined if there is nothing to do. */
  async ended(context: RequestContext, jobId: string): Promise<NextTick | undefined> {
    this.#report();
    if (this.#ticking) this.#reported.add(jobId);
    const wasKnown = this.#flight?.delete(jobId) ?? true;
    const left = this.#flight?.size ?? 0;
    // a repeated report is ignored, unless it is the last one to wait for
    if (left > this.#lowWater || (!wasKnown && left > 0)) return undefined;
    return this.tick(context);
  }

  /** Reads the database and does what is due; one check at a time. */
  tick(context: RequestContext): Promise<NextTick> {
    this.#isAskedAgain = true;
    this.#ticking ??= this.#tickUntilDone(context).finally(() => {
      this.#ticking = null;
      this.#reported.clear();
    });
    return this.#ticking;
  }

  /** Resolves with the current version when it differs from the known one, or after a time. */
  async waitForChange(known: number, ms: number): Promise<number> {
    if (known === this.#version) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#watchers.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, ms);
        this.#watchers.add(wake);
      });
    }
    return this.#version;
  }

  async #tickUntilDone(context: RequestContext): Promise<NextTick> {
    let next: NextTick = null;
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      next = await this.#tickOnce(context);
    }
    return next;
  }

  async #tickOnce(context: RequestContext): Promise<NextTick> {
    const now = context.clock();
    const window = context.config.batchWindow;
    const times = { now, enqueueDueAt: now + DISPATCH_GRACE_MS, checkDueAt: now + BATCH_GRACE_MS };
    const seen = await advanceBatch(context.db, this.#id, { ...times, window });
    const { batch, released, flight, held } = seen;
    const isListing = batch !== undefined && isBeingListed(batch);
    this.#listingDueAt = isListing ? (batch.listing?.due_at ?? now) : null;
    if (!batch || batch.finished_at !== null) return null;
    const working = flight.filter(({ step }) => step !== "Waiting").map(({ id }) => id);
    this.#flight = new Set(working.filter((id) => !this.#reported.has(id)));
    this.#lowWater = held ? Math.floor(working.length / 2) : 0;
    if (released.length > 0) {
      await sendDispatchMessages(context, released);
      this.#report();
    }
    if (batch.cancelled_at !== null) await cancelRest(context, batch);
    const isOver = batch.cancelled_at !== null || (!held && !isListing && flight.length === 0);
    if (isOver && (await finishBatch(context, batch.id)) !== null) {
      this.#report();
      return null;
    }
    const isStarved = held && working.length < Math.ceil(window / 2);
    const tick = isStarved ? STARVED_TICK_MS : TICK_MS;
    const listingMs = this.#listingDueAt === null ? null : Math.max(0, this.#listingDueAt - now);
    if (batch.status === "paused") return listingMs;
    return listingMs === null ? tick : Math.min(tick, listingMs);
  }

  #report(): void {
    this.#version += 1;
    for (const wake of [...this.#watchers]) wake();
  }
}
