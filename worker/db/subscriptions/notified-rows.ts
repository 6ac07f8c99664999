import { and, eq, isNotNull, isNull, sql } from "drizzle-orm";
import { subscriptions } from "../../../schema/db/tables/subscriptions.ts";
import type { Db } from "../connection.ts";
import { insertDelivery, type NewDeliveryRow } from "../delivery-rows.ts";

/** A subscription that is notified of its source's state, and the event if there is an address for it. */
export interface Notified {
  readonly id: string;
  readonly delivery: NewDeliveryRow | null;
}

/**
 * Stores events that a source fails or works again, and that they were stored; in one transaction, so that each
 * subscription is notified once.
 *
 * @param failingSince null: the source works again
 */
export async function writeNotified(
  db: Db,
  notified: readonly Notified[],
  failingSince: number | null,
): Promise<void> {
  const isUnnotified = (id: string) =>
    and(
      eq(subscriptions.id, id),
      failingSince === null ? isNotNull(subscriptions.failing_since) : isNull(subscriptions.failing_since),
    );
  const deliveries = notified.flatMap(({ id, delivery }) =>
    delivery === null
      ? []
      : [
          insertDelivery(delivery)(
            db,
            sql`exists (select 1 from ${subscriptions} where ${isUnnotified(id)})`,
          ),
        ],
  );
  const note = db
    .update(subscriptions)
    .set({ failing_since: failingSince })
    .where(
      and(
        sql`${subscriptions.id} in (select value from json_each(${JSON.stringify(notified.map(({ id }) => id))}))`,
        failingSince === null ? isNotNull(subscriptions.failing_since) : isNull(subscriptions.failing_since),
      ),
    );
  await db.batch([...deliveries, note] as unknown as [typeof note]);
}
