import { endpoints } from "../../schema/api/endpoints.ts";
import { viewBilling } from "../services/accounts/billing.ts";
import { viewBatches, viewCluster, viewDaily, viewJobs, viewStats } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Dashboard. */
export const dashboardHandlers = {
  dashboardStats: route(endpoints.dashboardStats, async ({ c, context }) =>
    ok(await viewStats(context, c.var.account.id)),
  ),

  dashboardJobs: route(endpoints.dashboardJobs, async ({ c, context, query }) =>
    ok(await viewJobs(context, c.var.account.id, query)),
  ),

  dashboardBatches: route(endpoints.dashboardBatches, async ({ c, context, query }) =>
    ok(await viewBatches(context, c.var.account.id, query)),
  ),

  dashboardDaily: route(endpoints.dashboardDaily, async ({ c, context, query }) =>
    ok(await viewDaily(context, c.var.account.id, query)),
  ),

  dashboardBilling: route(endpoints.dashboardBilling, async ({ c, context }) =>
    ok(await viewBilling(context, c.var.account.id)),
  ),

  dashboardCluster: route(endpoints.dashboardCluster, async ({ c, context }) =>
    ok(await viewCluster(context, c.var.account.id)),
  ),
};
