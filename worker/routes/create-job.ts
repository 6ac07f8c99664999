import { endpoints } from "../../schema/api/endpoints.ts";
import { acceptJobs } from "../services/accept-jobs.ts";
import { prepareJob } from "../services/prepare-job.ts";
import { storageOfRequest } from "../services/storage-of-request.ts";
import { created, route } from "./route.ts";

export const createJob = route(endpoints.createJob, async ({ c, scope, body, sent, resourceId }) => {
  const prepared = prepareJob(scope.config, c.var.account.limits, body, sent as Record<string, unknown>);
  const storage = await storageOfRequest(scope, c.var.account, body.storage);
  const [job_id] = await acceptJobs(scope, c.var.account, [prepared], { ids: [resourceId], storage });
  c.set("facts", { job_id: job_id ?? null });
  const adjustments = [...prepared.adjustments, ...(storage?.adjustments ?? [])];
  return created({ job_id, ...(adjustments.length > 0 ? { adjustments } : {}) });
});
