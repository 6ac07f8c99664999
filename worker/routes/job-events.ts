import { endpoints } from "../../schema/api/endpoints.ts";
import { sseResponse } from "../lib/sse.ts";
import { watchJob } from "../services/watch-job.ts";
import { route } from "./route.ts";

export const jobEvents = route(endpoints.jobEvents, async ({ c, scope, params }) => {
  const lastSeen = Number(/^\d{1,15}$/.exec(c.req.header("last-event-id") ?? "")?.[0] ?? 0);
  const events = await watchJob(scope, c.var.account.id, params.id, lastSeen);
  return events ? sseResponse(events) : c.body(null, 204);
});
