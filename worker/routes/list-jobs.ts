import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/jobs/list.ts";
import { ok, route } from "./route.ts";

export const listJobs = route(endpoints.listJobs, async ({ c, scope, query }) =>
  ok(await service.listJobs(scope, c.var.account.id, query)),
);
