interface BatcherOptions<T> {
  /** Processes a batch. It handles its failures itself. */
  readonly process: (batch: readonly T[]) => Promise<void>;
  /** Lets work go on when the request that does it has ended. */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Maximum number of items in a batch; default: no limit. */
  readonly most?: number;
}

/** A batch that takes longer, in milliseconds, is not waited for: the request that processed it may have been stopped. */
const LATE_MS = 10_000;

/**
 * Collects items of all requests of the isolate: while one batch is being processed, the next one fills. So a busy server
 * pays for a batch once for many requests, and a single item does not wait. The request that adds the first item processes
 * its own and those of others, until none is left.
 *
 * @returns a function that adds an item; it returns true if the calling request processes it
 */
export function createBatcher<T>({
  process,
  waitUntil,
  most = Number.POSITIVE_INFINITY,
}: BatcherOptions<T>): (item: T) => boolean {
  let waiting: T[] = [];
  /** When the current batch began, in epoch milliseconds; null without one. */
  let since: number | null = null;

  async function processAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      since = Date.now();
      await process(batch);
    }
    since = null;
  }

  return (item) => {
    waiting.push(item);
    if (since !== null && Date.now() - since <= LATE_MS) return false;
    // others depend on it, even when this request's client is gone
    waitUntil(processAll());
    return true;
  };
}
