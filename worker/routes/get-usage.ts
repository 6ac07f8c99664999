import { endpoints } from "../../schema/api/endpoints.ts";
import { viewUsage } from "../services/accounts/usage.ts";
import { ok, route } from "./route.ts";

export const getUsage = route(endpoints.getUsage, async ({ c, scope, query }) =>
  ok(await viewUsage(scope, c.var.account.id, query.period)),
);
