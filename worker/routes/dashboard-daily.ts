import { endpoints } from "../../schema/api/endpoints.ts";
import { viewDaily } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

export const dashboardDaily = route(endpoints.dashboardDaily, async ({ c, scope, query }) =>
  ok(await viewDaily(scope, c.var.account.id, query)),
);
