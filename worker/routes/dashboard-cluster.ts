import { endpoints } from "../../schema/api/endpoints.ts";
import { viewCluster } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

export const dashboardCluster = route(endpoints.dashboardCluster, async ({ c, scope }) =>
  ok(await viewCluster(scope, c.var.account.id)),
);
