import { endpoints } from "../../schema/api/endpoints.ts";
import { sseResponse } from "../lib/sse.ts";
import { watchBatch } from "../services/batches/watch.ts";
import { lastEventId } from "./last-event-id.ts";
import { route } from "./route.ts";

export const batchEvents = route(endpoints.batchEvents, async ({ c, scope, params }) => {
  const events = await watchBatch(scope, c.var.account.id, params.id.toLowerCase(), lastEventId(c));
  return events ? sseResponse(events) : c.body(null, 204);
});
