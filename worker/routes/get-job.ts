import { endpoints } from "../../schema/api/endpoints.ts";
import { viewJob } from "../services/job-view.ts";
import { readJob } from "../services/read-job.ts";
import { ok, route } from "./route.ts";

export const getJob = route(endpoints.getJob, async ({ c, scope, params }) =>
  ok(await viewJob(scope.bucket, await readJob(scope, c.var.account.id, params.id))),
);
