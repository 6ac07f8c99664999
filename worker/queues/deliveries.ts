import { DeliveryMessage } from "../../schema/wire/queue-messages.ts";
import type { RequestContext } from "../context.ts";
import { describeError } from "../lib/log.ts";
import { deliverEvent } from "../services/webhooks/deliver.ts";
import { PostGate } from "../services/webhooks/post-gate.ts";

/** Names of the delivery queue in `wrangler.toml`: the current one, and the former one until it is empty. */
export const DELIVERY_QUEUES: readonly string[] = ["waterspout-deliveries", "waterspout-notices"];

/** Consumes delivery messages, fairly per endpoint: a slow one does not delay others. Reconcile sends failed messages again. */
export async function consumeDeliveryMessages(
  context: RequestContext,
  batch: MessageBatch<unknown>,
): Promise<void> {
  const gate = new PostGate();
  await Promise.all(batch.messages.map((message) => consume(context, message, gate)));
}

async function consume(context: RequestContext, message: Message<unknown>, gate: PostGate): Promise<void> {
  const parsed = DeliveryMessage.safeParse(message.body);
  try {
    if (parsed.success) await deliverEvent(context, parsed.data.delivery_id, gate);
    else context.log("message_malformed", { message_id: message.id });
  } catch (error) {
    context.log("delivery_failed", { delivery_id: parsed.data?.delivery_id, error: describeError(error) });
  }
  message.ack();
}
