import type { DeliveryMessage, DispatchMessage } from "../../../schema/wire/queue-messages.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import { describeError, type Log, type LogFields } from "../../lib/log.ts";
import { sendMessages } from "../../lib/send-messages.ts";

/** A dispatch message is sent again if no claim follows within this time, in milliseconds. */
export const DISPATCH_GRACE_MS = 30_000;

/**
 * Sends dispatch messages: jobs may be runnable. A failure is only logged, because reconcile sends overdue messages again.
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
  // single jobs always cost one call, which need not be logged
  if (sends !== null && jobIds.length > 1) log("dispatch_messages_sent", { jobs: jobIds.length, sends });
}

/** A delivery message is sent again if no try follows within this time, in milliseconds. */
export const DELIVERY_GRACE_MS = 30_000;

/** Sends delivery messages: deliveries may be due. A failure is only logged, because reconcile sends overdue messages again. */
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

/** Sends messages of one kind; a failure is logged. @returns the number of calls of the queue; null after a failure */
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
