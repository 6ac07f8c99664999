import { endpoints } from "../../schema/api/endpoints.ts";
import { viewKeyUsage } from "../services/accounts/usage.ts";
import { ok, route } from "./route.ts";

export const getKeyUsage = route(endpoints.getKeyUsage, async ({ c, scope, query }) =>
  ok(await viewKeyUsage(scope, c.var.account.id, query.period)),
);
