import { DurableObject } from "cloudflare:workers";
import { createContext, servicesOf } from "../composition.ts";
import type { BatchRpc, Env } from "../env.ts";
import type { NextTick } from "../services/batches/coordinator.ts";
import { BatchDriver } from "../services/intake/long-lists/batch-driver.ts";

/** Delay after a failed check, in milliseconds. */
const AGAIN_MS = 5_000;

/**
 * Drives one batch; its name is the batch's id. The state of the batch is in the database. The object stores its id
 * and an alarm, which is set while the batch is unfinished and not paused.
 */
export class Batch extends DurableObject<Env> implements BatchRpc {
  #driver: BatchDriver | null = null;

  /** The batch was created, started or cancelled, or was silent for too long. */
  async wake(batchId: string): Promise<void> {
    await this.#act(batchId, (driver) => driver.wake(this.#context()));
  }

  /** One of the batch's jobs ended. */
  async ended(batchId: string, jobId: string): Promise<void> {
    const next = await this.#driverOf(batchId).ended(this.#context(), jobId);
    if (next !== undefined) await this.#tickLater(batchId, next);
  }

  /** See `BatchObjects`. */
  async waitForChange(batchId: string, known: number, ms: number): Promise<number> {
    return this.#driverOf(batchId).waitForChange(known, ms);
  }

  override async alarm(): Promise<void> {
    const batchId = await this.ctx.storage.get<string>("batch_id");
    if (batchId !== undefined) await this.#act(batchId, (driver) => driver.ring(this.#context()));
  }

  async #act(batchId: string, act: (driver: BatchDriver) => Promise<NextTick>): Promise<void> {
    let next: NextTick = AGAIN_MS;
    try {
      next = await act(this.#driverOf(batchId));
    } finally {
      await this.#tickLater(batchId, next);
    }
  }

  async #tickLater(batchId: string, next: NextTick): Promise<void> {
    if (next === null) {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      return;
    }
    await this.ctx.storage.put("batch_id", batchId);
    await this.ctx.storage.setAlarm(Date.now() + next);
  }

  #driverOf(batchId: string): BatchDriver {
    this.#driver ??= new BatchDriver(batchId);
    return this.#driver;
  }

  #context() {
    return createContext(servicesOf(this.env), (work) => this.ctx.waitUntil(work));
  }
}
