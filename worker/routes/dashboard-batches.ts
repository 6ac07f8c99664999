import { endpoints } from "../../schema/api/endpoints.ts";
import { viewBatches } from "../services/accounts/dashboard.ts";
import { ok, route } from "./route.ts";

export const dashboardBatches = route(endpoints.dashboardBatches, async ({ c, scope, query }) =>
  ok(await viewBatches(scope, c.var.account.id, query)),
);
