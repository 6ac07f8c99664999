/**
 * Runs a task for each item, several at a time, in the order of the items.
 *
 * @returns the results, in the order of the items
 * @throws what a task throws; the others then come to their end
 * @example await runPool([1, 2, 3], 2, async (n) => n * 2) // [2, 4, 6]
 */
export async function runPool<T, R>(
  items: readonly T[],
  atOnce: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await task(item, index);
  };
  const workers = Array.from({ length: Math.min(atOnce, items.length) }, worker);
  const settled = await Promise.allSettled(workers);
  const failed = settled.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return results;
}
