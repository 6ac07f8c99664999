/** Largest number of messages that a queue takes at once. */
export const MESSAGES_AT_ONCE = 100;
/** Longest delay of a queue, in seconds. */
const MAX_DELAY_SECONDS = 86_400;

/**
 * Sends any number of messages.
 *
 * @param delayMs delay of the delivery, limited to what the queue supports
 * @returns the number of calls of the queue
 */
export async function sendMessages<T>(
  queue: Pick<Queue<T>, "sendBatch">,
  bodies: readonly T[],
  delayMs: number,
): Promise<number> {
  const delaySeconds = Math.min(MAX_DELAY_SECONDS, Math.ceil(delayMs / 1000));
  for (let start = 0; start < bodies.length; start += MESSAGES_AT_ONCE) {
    const page = bodies.slice(start, start + MESSAGES_AT_ONCE);
    await queue.sendBatch(page.map((body) => ({ body, delaySeconds })));
  }
  return Math.ceil(bodies.length / MESSAGES_AT_ONCE);
}
