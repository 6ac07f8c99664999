import { endpoints } from "../../schema/api/endpoints.ts";
import { sseResponse } from "../lib/sse.ts";
import { watchJob } from "../services/jobs/watch.ts";
import { lastEventId } from "./last-event-id.ts";
import { route } from "./route.ts";

export const jobEvents = route(endpoints.jobEvents, async ({ c, scope, params }) => {
  const events = await watchJob(scope, c.var.account.id, params.id, lastEventId(c));
  return events ? sseResponse(events) : c.body(null, 204);
});
