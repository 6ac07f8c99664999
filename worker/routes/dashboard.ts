import { endpoints } from "../../schema/api/endpoints.ts";
import { viewBatches, viewCluster, viewDaily, viewJobs, viewStats } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Dashboard. */
export const dashboardHandlers = {
  dashboardStats: route(endpoints.dashboardStats, async ({ c, scope }) =>
    ok(await viewStats(scope, c.var.account.id)),
  ),

  dashboardJobs: route(endpoints.dashboardJobs, async ({ c, scope, query }) =>
    ok(await viewJobs(scope, c.var.account.id, query)),
  ),

  dashboardBatches: route(endpoints.dashboardBatches, async ({ c, scope, query }) =>
    ok(await viewBatches(scope, c.var.account.id, query)),
  ),

  dashboardDaily: route(endpoints.dashboardDaily, async ({ c, scope, query }) =>
    ok(await viewDaily(scope, c.var.account.id, query)),
  ),

  dashboardCluster: route(endpoints.dashboardCluster, async ({ c, scope }) =>
    ok(await viewCluster(scope, c.var.account.id)),
  ),
};
