/** The last task of each place. */
const last = new Map<string, Promise<unknown>>();

/**
 * Runs tasks of one place one after the other, whether those before succeeded or not. Otherwise, runs of one processor
 * that need the same folder would each create their own.
 */
export async function inTurn<T>(place: string, task: () => Promise<T>): Promise<T> {
  const running = (last.get(place) ?? Promise.resolve()).then(task, task);
  const settled = running.catch(() => {});
  last.set(place, settled);
  try {
    return await running;
  } finally {
    if (last.get(place) === settled) last.delete(place);
  }
}
