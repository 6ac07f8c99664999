import { endpoints } from "../../schema/api/endpoints.ts";
import { createJobs } from "../services/intake/create-jobs.ts";
import { created, route } from "./route.ts";

export const createJob = route(endpoints.createJob, async ({ c, scope, body, sent, ignored, resourceId }) => {
  const request = { id: resourceId, body, sent: sent as Record<string, unknown>, ignored };
  const { answer, facts } = await createJobs(scope, c.var.account, request);
  c.set("facts", facts);
  return created(answer);
});
