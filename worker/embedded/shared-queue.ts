import { describeError, type Log } from "../lib/log.ts";
import { MESSAGES_AT_ONCE } from "../lib/send-messages.ts";
import { createBatcher } from "./batcher.ts";

interface SharedQueueOptions<T> {
  /** Calls the queue. */
  readonly send: (messages: readonly MessageSendRequest<T>[]) => Promise<void>;
  readonly backlogCount: () => Promise<number>;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Log;
}

/**
 * A queue to which the messages of all requests are sent together, see {@link createBatcher}. Nobody waits for it: losing
 * messages loses no job, because reconcile sends them again.
 */
export function createSharedQueue<T>({
  send,
  backlogCount,
  waitUntil,
  log,
}: SharedQueueOptions<T>): Queue<T> {
  const add = createBatcher<MessageSendRequest<T>>({
    most: MESSAGES_AT_ONCE,
    waitUntil,
    process: async (messages) => {
      try {
        await send(messages);
      } catch (error) {
        log("messages_lost", { messages: messages.length, error: describeError(error) });
      }
    },
  });
  const shared = {
    metrics: async () => ({ backlogCount: await backlogCount() }),
    sendBatch: async (messages: Iterable<MessageSendRequest<T>>) => {
      for (const message of messages) add(message);
    },
  };
  return shared as unknown as Queue<T>;
}
