import type { z } from "zod";
import type {
  SubscriptionEntryEvent,
  SubscriptionFailingEvent,
  SubscriptionRecoveredEvent,
} from "../../../schema/api/subscriptions/events.ts";
import type { RequestContext } from "../../context.ts";
import type { NewDeliveryRow } from "../../db/delivery-rows.ts";
import type { EntryRow } from "../../db/subscriptions/entry-rows.ts";
import type { SubscriptionRow } from "../../db/subscriptions/subscription-rows.ts";
import { encodeEvent } from "../webhooks/body.ts";
import { newDelivery, wantsEvent } from "../webhooks/events.ts";

type SubscriptionEvent = z.infer<
  typeof SubscriptionEntryEvent | typeof SubscriptionFailingEvent | typeof SubscriptionRecoveredEvent
>;

/** The delivery of an event of a subscription; null if nobody asked for it. */
export function deliveryOf(
  context: RequestContext,
  subscription: SubscriptionRow,
  event: SubscriptionEvent,
): NewDeliveryRow | null {
  const { account_id, webhook_url, sealed_webhook_url, webhook_events } = subscription;
  if (webhook_url === null || !wantsEvent(webhook_events, event.type)) return null;
  return newDelivery(context, {
    account_id,
    job_id: null,
    kind: "webhook",
    type: event.type,
    url: webhook_url,
    sealed_url: sealed_webhook_url,
    body: encodeEvent(event),
  });
}

/** The event that an entry got a job, waits, or is gone. */
export const entryEvent = (
  subscription: SubscriptionRow,
  { id, url, title, published_at }: Pick<EntryRow, "id" | "url" | "title" | "published_at">,
  facts: Pick<z.infer<typeof SubscriptionEntryEvent>, "status" | "job_id" | "reason">,
): SubscriptionEvent => ({
  type: "subscription_entry",
  subscription_id: subscription.id,
  ...facts,
  entry: { id, url, title, published_at },
});
