import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/jobs/cancel.ts";
import { ok, route } from "./route.ts";

export const cancelJob = route(endpoints.cancelJob, async ({ c, scope, params }) => {
  await service.cancelJob(scope, c.var.account.id, params.id);
  return ok({ message: "Job cancelled successfully", job_id: params.id });
});
