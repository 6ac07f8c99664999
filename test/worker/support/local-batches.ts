import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import type { BatchObjects, RequestContext } from "../../../worker/context.ts";
import { BatchDriver } from "../../../worker/services/intake/long-lists/batch-driver.ts";

/** Replace the objects of batches: the same logic, with memory and alarms that the test controls. */
export class LocalBatches implements BatchObjects {
  readonly #drivers = new Map<string, BatchDriver>();
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
    this.#drivers.clear();
  }

  async wake(batchId: string): Promise<void> {
    await this.#with(batchId, (driver, context) => driver.wake(context));
  }

  async ended(batchId: string, jobId: string): Promise<void> {
    if (this.loseReports) throw new Error("the report was lost");
    this.reports += 1;
    await this.#with(batchId, (driver, context) => driver.ended(context, jobId));
  }

  async waitForChange(): Promise<number> {
    return 0;
  }

  /** Fires all alarms that are set. */
  async ring(): Promise<void> {
    for (const batchId of [...this.alarms.keys()]) {
      await this.#with(batchId, (driver, context) => driver.ring(context));
    }
  }

  async #with(
    batchId: string,
    act: (driver: BatchDriver, context: RequestContext) => Promise<number | null | undefined>,
  ): Promise<void> {
    if (this.areAway) throw new Error("the object is away");
    if (this.areForgetful) this.evict();
    const driver = this.#drivers.get(batchId) ?? new BatchDriver(batchId);
    this.#drivers.set(batchId, driver);
    const ctx = createExecutionContext();
    const next = await act(driver, this.#open(ctx));
    await waitOnExecutionContext(ctx);
    if (next === null) this.alarms.delete(batchId);
    else if (next !== undefined) this.alarms.set(batchId, next);
  }
}
