import { endpoints } from "../../schema/api/endpoints.ts";
import { acceptJobs } from "../services/accept-jobs.ts";
import { prepareJob } from "../services/prepare-job.ts";
import { created, route } from "./route.ts";

export const createJob = route(endpoints.createJob, async ({ c, scope, body, sent }) => {
  const prepared = prepareJob(scope.config, body, sent as Record<string, unknown>);
  const [job_id] = await acceptJobs(scope, c.var.account.id, [prepared]);
  c.set("facts", { job_id: job_id ?? null });
  const { adjustments } = prepared;
  return created({ job_id, ...(adjustments.length > 0 ? { adjustments } : {}) });
});
