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
  createBulk: route(endpoints.createBulk, async ({ c, scope, body, sent, ignored, resourceId }) => {
    const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
    const { answer, facts } = await createBulk(scope, c.var.account, request);
    c.set("facts", facts);
    return created(answer);
  }),

  getBatch: route(endpoints.getBatch, async ({ c, scope, params }) =>
    ok(await viewBatch(scope, c.var.account.id, params.id.toLowerCase())),
  ),

  renameJobs: route(endpoints.renameJobs, async ({ c, scope, params, body }) =>
    ok(await renameJobs(scope, c.var.account.id, params.id.toLowerCase(), body.renames)),
  ),

  startBatch: route(endpoints.startBatch, async ({ c, scope, params }) =>
    ok(await startBatch(scope, c.var.account.id, params.id.toLowerCase())),
  ),

  cancelBatch: route(endpoints.cancelBatch, async ({ c, scope, params }) =>
    ok(await cancelBatch(scope, c.var.account.id, params.id.toLowerCase())),
  ),

  batchEvents: route(endpoints.batchEvents, async ({ c, scope, params }) => {
    const events = await watchBatch(scope, c.var.account.id, params.id.toLowerCase(), lastEventId(c));
    return events ? sseResponse(events) : c.body(null, 204);
  }),
};
