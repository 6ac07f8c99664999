import type { DeliveryQuery, WebhookDelivery, WebhookDeliveryDetail } from "../../../schema/api/webhook.ts";
import type { RequestContext } from "../../context.ts";
import {
  addDelivery,
  type DeliveryRow,
  deliveryPageQuery,
  findDeliveryOf,
  listEndpoints as listEndpointRows,
} from "../../db/delivery-rows.ts";
import { illegalState, notFound } from "../../lib/api-error.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { addressForOwner, addressOf } from "../storage/sealed-urls.ts";
import { newDelivery } from "./events.ts";

/** An account's view of its webhook events. */

/** A page of deliveries, newest first. */
export async function listDeliveries(context: RequestContext, accountId: string, query: DeliveryQuery) {
  const filter = {
    accountId,
    jobId: query.job_id?.toLowerCase(),
    status: query.status,
    cursor: query.cursor?.toLowerCase(),
  };
  const rows = await deliveryPageQuery(context.db, filter, query.limit + 1);
  const page = rows.slice(0, query.limit);
  return {
    deliveries: await Promise.all(page.map((row) => viewDelivery(context, row))),
    next_cursor: rows.length > query.limit ? (page.at(-1)?.id ?? null) : null,
  };
}

/**
 * A delivery with its payload.
 *
 * @throws ApiError `not_found`
 */
export async function readDelivery(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<WebhookDeliveryDetail> {
  const row = await findDeliveryOf(context.db, accountId, id.toLowerCase());
  if (!row) throw notFound("delivery");
  return { ...(await viewDelivery(context, row)), payload: JSON.parse(row.body) };
}

/**
 * Delivers an event again, as a new delivery with the same event id and a full set of tries.
 *
 * @throws ApiError `not_found`; `invalid_request` while it is still being tried
 */
export async function replayDelivery(
  context: RequestContext,
  accountId: string,
  id: string,
): Promise<WebhookDelivery> {
  const original = await findDeliveryOf(context.db, accountId, id.toLowerCase());
  if (!original) throw notFound("delivery");
  if (original.status === "pending") throw illegalState("This delivery is still being tried");
  const { account_id, job_id, batch_id, kind, type, url, sealed_url, body, event_id } = original;
  const facts = { account_id, job_id, batch_id, kind, type, url, sealed_url, body, event_id };
  const row = await addDelivery(context.db, newDelivery(context, { ...facts, replay_of: original.id }));
  if (!row) throw notFound("delivery");
  context.defer(sendDeliveryMessages(context, [row.id]));
  return viewDelivery(context, row);
}

/** The addresses that webhook events were sent to, and their health. */
export async function listEndpoints(context: RequestContext, accountId: string) {
  const rows = await listEndpointRows(context.db, accountId);
  return {
    endpoints: await Promise.all(
      rows.map(async ({ account_id, sealed_url, strikes, paused_until, slow, ...endpoint }) => ({
        ...endpoint,
        url: await addressForOwner(
          context,
          addressOf({ account_id, url: endpoint.url, sealed_url, kind: "webhook" }),
        ),
        enabled: endpoint.disabled_at === null,
      })),
    ),
  };
}

async function viewDelivery(context: RequestContext, row: DeliveryRow): Promise<WebhookDelivery> {
  const { account_id, body, enqueue_due_at, sealed_url, tries, last_response_ms, ...facts } = row;
  const url = await addressForOwner(context, addressOf(row));
  return { ...facts, url, attempts: tries, response_time_ms: last_response_ms };
}
