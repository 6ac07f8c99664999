import type { DeliveryMessage, DispatchMessage } from "../../../schema/wire/queue-messages.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import { describeError, type Log, type LogFields } from "../../lib/log.ts";
import { sendMessages } from "../../lib/send-messages.ts";

/** A dispatch message that was not answered by a claim after this long is sent again, in milliseconds. */
export const DISPATCH_GRACE_MS = 30_000;

/**
 * Sends dispatch messages: jobs may be runnable. A failure is only logged: reconcile sends overdue dispatch messages again.
 *
 * @param delayMs the job is not due before
 */
export async function sendDispatchMessages(
  { dispatchQueue, log }: Pick<RequestContext, "dispatchQueue" | "log">,
  jobIds: readonly string[],
  delayMs = 0,
): Promise<void> {
  const messages = jobIds.map((job_id): DispatchMessage => ({ v: WIRE_VERSION, job_id }));
  const sends = await send(log, dispatchQueue, messages, delayMs, {
    event: "dispatch_messages_lost",
    jobs: jobIds.length,
  });
  // what single jobs cost the queue is known
  if (sends !== null && jobIds.length > 1) log("dispatch_messages_sent", { jobs: jobIds.length, sends });
}

/** A dispatch message that was not followed by a try after this long is sent again, in milliseconds. */
export const DELIVERY_GRACE_MS = 30_000;

/** Sends delivery messages: deliveries may be due. A failure is only logged: reconcile sends overdue dispatch messages again. */
export async function sendDeliveryMessages(
  { deliveryQueue, log }: Pick<RequestContext, "deliveryQueue" | "log">,
  deliveryIds: readonly string[],
  delayMs = 0,
): Promise<void> {
  const messages = deliveryIds.map((delivery_id): DeliveryMessage => ({ v: WIRE_VERSION, delivery_id }));
  await send(log, deliveryQueue, messages, delayMs, {
    event: "delivery_messages_lost",
    deliveries: deliveryIds.length,
  });
}

/** Sends messages of one kind; a failure is logged. @returns how many calls of the queue that took, or null */
async function send<T>(
  log: Log,
  queue: Pick<Queue<T>, "sendBatch">,
  messages: readonly T[],
  delayMs: number,
  { event, ...facts }: LogFields & { readonly event: string },
): Promise<number | null> {
  try {
    return await sendMessages(queue, messages, delayMs);
  } catch (error) {
    log(event, { ...facts, error: describeError(error) });
    return null;
  }
}
