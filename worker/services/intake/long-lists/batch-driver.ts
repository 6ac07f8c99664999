import type { RequestContext } from "../../../context.ts";
import { BatchCoordinator, type NextTick } from "../../batches/coordinator.ts";
import { readOn } from "./read-on.ts";

/** Delay until the next check while the list is being read, in milliseconds. */
const READING_TICK_MS = 30_000;

/**
 * Drives one batch: its jobs, and the reading of a list that is too long for one request. Its memory may be lost at any
 * time.
 */
export class BatchDriver {
  readonly #id: string;
  readonly #coordinator: BatchCoordinator;
  #reading: AbortController | null = null;

  constructor(id: string) {
    this.#id = id;
    this.#coordinator = new BatchCoordinator(id);
  }

  /** The batch was created, started or cancelled, or was silent for too long. Reads no list: see {@link ring}. */
  async wake(context: RequestContext): Promise<NextTick> {
    const next = await this.#coordinator.tick(context);
    if (!this.#reading) return next;
    if (this.#coordinator.listingDueAt === null) this.#reading.abort(new Error("the listing has ended"));
    return READING_TICK_MS;
  }

  /** One of the batch's jobs ended. Undefined if there is nothing to do. */
  async ended(context: RequestContext, jobId: string): Promise<NextTick | undefined> {
    const next = await this.#coordinator.ended(context, jobId);
    return this.#reading && next !== undefined ? READING_TICK_MS : next;
  }

  /** See `BatchObjects`. */
  waitForChange(known: number, ms: number): Promise<number> {
    return this.#coordinator.waitForChange(known, ms);
  }

  /** The alarm: the same as {@link wake}, and the list is read on if that is due. This may take minutes. */
  async ring(context: RequestContext): Promise<NextTick> {
    const next = await this.wake(context);
    const { listingDueAt } = this.#coordinator;
    if (this.#reading || listingDueAt === null || listingDueAt > context.clock()) return next;
    this.#reading = new AbortController();
    const { signal } = this.#reading;
    try {
      await readOn(context, this.#id, { signal, onStored: () => this.#coordinator.tick(context) });
    } finally {
      this.#reading = null;
    }
    return this.wake(context);
  }
}
