import { endpoints } from "../../schema/api/endpoints.ts";
import { sseResponse } from "../lib/sse.ts";
import { cancelBatch } from "../services/batches/cancel.ts";
import { renameJobs } from "../services/batches/rename.ts";
import { startBatch } from "../services/batches/start.ts";
import { viewBatch } from "../services/batches/view.ts";
import { watchBatch } from "../services/batches/watch.ts";
import { createBulk } from "../services/intake/create-bulk.ts";
import { lastEventId } from "./last-event-id.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Batches. */
export const batchesHandlers = {
  createBulk: route(endpoints.createBulk, async ({ c, context, body, sent, ignored, resourceId }) => {
    const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
    const { response, facts } = await createBulk(context, c.var.account, request);
    c.set("facts", facts);
    return created(response);
  }),

  getBatch: route(endpoints.getBatch, async ({ c, context, params }) =>
    ok(await viewBatch(context, c.var.account.id, params.id.toLowerCase())),
  ),

  renameJobs: route(endpoints.renameJobs, async ({ c, context, params, body }) =>
    ok(await renameJobs(context, c.var.account.id, params.id.toLowerCase(), body.renames)),
  ),

  startBatch: route(endpoints.startBatch, async ({ c, context, params }) =>
    ok(await startBatch(context, c.var.account.id, params.id.toLowerCase())),
  ),

  cancelBatch: route(endpoints.cancelBatch, async ({ c, context, params }) =>
    ok(await cancelBatch(context, c.var.account.id, params.id.toLowerCase())),
  ),

  batchEvents: route(endpoints.batchEvents, async ({ c, context, params }) => {
    const events = await watchBatch(context, c.var.account.id, params.id.toLowerCase(), lastEventId(c));
    return events ? sseResponse(events) : c.body(null, 204);
  }),
};
