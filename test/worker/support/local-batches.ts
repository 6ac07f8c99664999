import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { BatchObjects, RequestContext } from "../../../worker/context.ts";
import { BatchCoordinator } from "../../../worker/services/batches/coordinator.ts";

/** Replace the objects of batches: the same logic, with memory and alarms that the test controls. */
export class LocalBatches implements BatchObjects {
  readonly #keepers = new Map<string, BatchCoordinator>();
  readonly #open: (ctx: ExecutionContext) => RequestContext;
  /** Batches with an alarm, and in how many milliseconds it fires. */
  readonly alarms = new Map<string, number>();
  /** No call arrives: all are lost. */
  areAway = false;
  /** Reports of ended jobs are lost. */
  loseReports = false;
  /** Evict everything from memory before each call. */
  areForgetful = false;
  /** Reports that arrived. */
  reports = 0;

  constructor(open: (ctx: ExecutionContext) => RequestContext) {
    this.#open = open;
  }

  /** Acts as if the objects were evicted from memory. */
  evict(): void {
    this.#keepers.clear();
  }

  async wake(batchId: string): Promise<void> {
    await this.#with(batchId, (coordinator, context) => coordinator.tick(context));
  }

  async ended(batchId: string, jobId: string): Promise<void> {
    if (this.loseReports) throw new Error("the report was lost");
    this.reports += 1;
    await this.#with(batchId, (coordinator, context) => coordinator.ended(context, jobId));
  }

  async waitForChange(): Promise<number> {
    return 0;
  }

  /** Fires all alarms that are set. */
  async ring(): Promise<void> {
    for (const batchId of [...this.alarms.keys()]) await this.wake(batchId);
  }

  async #with(
    batchId: string,
    act: (coordinator: BatchCoordinator, context: RequestContext) => Promise<number | null | undefined>,
  ): Promise<void> {
    if (this.areAway) throw new Error("the object is away");
    if (this.areForgetful) this.evict();
    const coordinator = this.#keepers.get(batchId) ?? new BatchCoordinator(batchId);
    this.#keepers.set(batchId, coordinator);
    const ctx = createExecutionContext();
    const next = await act(coordinator, this.#open(ctx));
    await waitOnExecutionContext(ctx);
    if (next === null) this.alarms.delete(batchId);
    else if (next !== undefined) this.alarms.set(batchId, next);
  }
}
