import { endpoints } from "../../schema/api/endpoints.ts";
import { viewStats } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

export const dashboardStats = route(endpoints.dashboardStats, async ({ c, scope }) =>
  ok(await viewStats(scope, c.var.account.id)),
);
