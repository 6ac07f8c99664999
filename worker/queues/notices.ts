import { NoticeHint } from "../../schema/wire/hint.ts";
import type { Scope } from "../context.ts";
import { describeError } from "../lib/log.ts";
import { deliverNotice } from "../services/webhooks/deliver.ts";

/** Name of the second queue, as in `wrangler.toml`. */
export const NOTICE_QUEUE = "waterspout-notices";

/** Consumes hints of notices, all at once: a slow endpoint holds up no other. What fails here, reconcile brings again. */
export async function consumeNotices(scope: Scope, batch: MessageBatch<unknown>): Promise<void> {
  await Promise.all(batch.messages.map((message) => consume(scope, message)));
}

async function consume(scope: Scope, message: Message<unknown>): Promise<void> {
  const hint = NoticeHint.safeParse(message.body);
  try {
    if (hint.success) await deliverNotice(scope, hint.data.delivery_id);
    else scope.log("hint_malformed", { message_id: message.id });
  } catch (error) {
    scope.log("notice_failed", { delivery_id: hint.data?.delivery_id, error: describeError(error) });
  }
  message.ack();
}
