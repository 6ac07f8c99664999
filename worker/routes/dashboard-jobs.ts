import { endpoints } from "../../schema/api/endpoints.ts";
import { viewJobs } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

export const dashboardJobs = route(endpoints.dashboardJobs, async ({ c, scope, query }) =>
  ok(await viewJobs(scope, c.var.account.id, query)),
);
