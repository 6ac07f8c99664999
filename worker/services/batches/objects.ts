import type { BatchObjects } from "../../context.ts";
import type { BatchRpc } from "../../env.ts";

/** One Durable Object for each batch, named by the batch's id. */
export function createBatchObjects(namespace: DurableObjectNamespace<BatchRpc>): BatchObjects {
  const objectOf = (batchId: string) => namespace.get(namespace.idFromName(batchId));
  return {
    wake: async (batchId) => objectOf(batchId).wake(batchId),
    ended: async (batchId, jobId) => objectOf(batchId).ended(batchId, jobId),
    waitForChange: async (batchId, known, ms) => objectOf(batchId).waitForChange(batchId, known, ms),
  };
}
