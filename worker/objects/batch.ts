import { DurableObject } from "cloudflare:workers";
import { openScope, servicesOf } from "../composition.ts";
import type { BatchRpc, Env } from "../env.ts";
import { BatchKeeper, type NextLook } from "../services/batches/coordinator.ts";

/** Until the next look after one that failed, in milliseconds. */
const AGAIN_MS = 5_000;

/**
 * Drives one batch, named by its id. All that is true of the batch stands in the database; the object stores its id
 * and an alarm, which is set as long as the batch is unfinished and not paused.
 */
export class Batch extends DurableObject<Env> implements BatchRpc {
  #keeper: BatchKeeper | null = null;

  /** The batch was made, started or cancelled, or nobody has heard of it for too long. */
  async wake(batchId: string): Promise<void> {
    await this.#look(batchId);
  }

  /** One of the batch's jobs ended. */
  async ended(batchId: string, jobId: string): Promise<void> {
    const next = await this.#keeperOf(batchId).ended(this.#scope(), jobId);
    if (next !== undefined) await this.#lookAgain(batchId, next);
  }

  /** See `BatchObjects`. */
  async news(batchId: string, known: number, ms: number): Promise<number> {
    return this.#keeperOf(batchId).news(known, ms);
  }

  override async alarm(): Promise<void> {
    const batchId = await this.ctx.storage.get<string>("batch_id");
    if (batchId !== undefined) await this.#look(batchId);
  }

  async #look(batchId: string): Promise<void> {
    let next: NextLook = AGAIN_MS;
    try {
      next = await this.#keeperOf(batchId).look(this.#scope());
    } finally {
      await this.#lookAgain(batchId, next);
    }
  }

  async #lookAgain(batchId: string, next: NextLook): Promise<void> {
    if (next === null) {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
      return;
    }
    await this.ctx.storage.put("batch_id", batchId);
    await this.ctx.storage.setAlarm(Date.now() + next);
  }

  #keeperOf(batchId: string): BatchKeeper {
    this.#keeper ??= new BatchKeeper(batchId);
    return this.#keeper;
  }

  #scope() {
    return openScope(servicesOf(this.env), (work) => this.ctx.waitUntil(work));
  }
}
