import { endpoints } from "../../schema/api/endpoints.ts";
import { readJob } from "../services/jobs/read.ts";
import { viewJobs } from "../services/jobs/view-jobs.ts";
import { ok, route } from "./route.ts";

export const getJob = route(endpoints.getJob, async ({ c, scope, params }) => {
  const [job] = await viewJobs(scope, [await readJob(scope, c.var.account.id, params.id)]);
  return ok(job);
});
