import { describeError, type Log } from "../lib/log.ts";
import { MESSAGES_AT_ONCE } from "../lib/send-messages.ts";
import { createBatcher } from "./batcher.ts";

interface SharedQueueOptions {
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Log;
}

/**
 * A queue to which the messages of all requests are sent together, see {@link createBatcher}. Nobody waits for it: losing
 * messages loses no job, because reconcile sends them again.
 */
export function createSharedQueue<T>(queue: Queue<T>, { waitUntil, log }: SharedQueueOptions): Queue<T> {
  const add = createBatcher<MessageSendRequest<T>>({
    most: MESSAGES_AT_ONCE,
    waitUntil,
    process: async (messages) => {
      try {
        await queue.sendBatch(messages);
      } catch (error) {
        log("messages_lost", { messages: messages.length, error: describeError(error) });
      }
    },
  });
  const shared: Pick<Queue<T>, "metrics"> & {
    sendBatch(messages: Iterable<MessageSendRequest<T>>): Promise<void>;
  } = {
    metrics: () => queue.metrics(),
    sendBatch: async (messages) => {
      for (const message of messages) add(message);
    },
  };
  return shared as unknown as Queue<T>;
}
