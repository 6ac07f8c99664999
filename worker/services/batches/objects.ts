import type { Batch } from "../../objects/batch.ts";

/** Ways to reach the objects that drive batches. All of it may be lost: the objects' alarms and reconcile heal. */
export interface BatchObjects {
  /** Has the batch look at the database at once. */
  readonly wake: (batchId: string) => Promise<void>;
  /** Tells the batch that one of its jobs ended. */
  readonly ended: (batchId: string, jobId: string) => Promise<void>;
  /**
   * Waits until there is news since a version that the watcher knows, or for that long.
   *
   * @returns the version of now
   */
  readonly news: (batchId: string, known: number, ms: number) => Promise<number>;
}

/** One Durable Object for each batch, named by the batch's id. */
export function createBatchObjects(namespace: DurableObjectNamespace<Batch>): BatchObjects {
  const objectOf = (batchId: string) => namespace.get(namespace.idFromName(batchId));
  return {
    wake: async (batchId) => objectOf(batchId).wake(batchId),
    ended: async (batchId, jobId) => objectOf(batchId).ended(batchId, jobId),
    news: async (batchId, known, ms) => objectOf(batchId).news(batchId, known, ms),
  };
}
