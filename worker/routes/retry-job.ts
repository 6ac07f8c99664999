import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/intake/retry-job.ts";
import { created, route } from "./route.ts";

export const retryJob = route(endpoints.retryJob, async ({ c, scope, params, body }) => {
  const job_id = await service.retryJob(scope, c.var.account, params.id, body.storage);
  return created({ job_id, original_job_id: params.id, message: "Job re-queued successfully" });
});
