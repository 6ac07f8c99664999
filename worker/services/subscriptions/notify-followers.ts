import type { RequestContext } from "../../context.ts";
import { writeNotified } from "../../db/subscriptions/notified-rows.ts";
import { unnotifiedQuery } from "../../db/subscriptions/subscription-rows.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { deliveryOf } from "./events.ts";

/** Subscriptions of one page. */
const PAGE = 50;

/**
 * Informs those who follow a source that it fails or works again: each once, even if this is interrupted and repeated.
 *
 * @param failure null: it works again
 */
export async function notifyFollowers(
  context: RequestContext,
  feedId: string,
  failure: { readonly error: string; readonly since: number } | null,
): Promise<void> {
  const isFailing = failure !== null;
  for (;;) {
    const rows = await unnotifiedQuery(context.db, feedId, isFailing, PAGE);
    if (rows.length === 0) return;
    const notified = rows.map((row) => {
      const facts = { subscription_id: row.id, url: row.url };
      const event = failure
        ? ({
            type: "subscription_failing",
            ...facts,
            error: failure.error,
            failing_since: failure.since,
          } as const)
        : ({ type: "subscription_recovered", ...facts, failing_since: row.failing_since ?? 0 } as const);
      return { id: row.id, delivery: deliveryOf(context, row, event) };
    });
    await writeNotified(context.db, notified, failure?.since ?? null);
    const ids = notified.flatMap(({ delivery }) => delivery?.id ?? []);
    if (ids.length > 0) context.defer(sendDeliveryMessages(context, ids));
  }
}
