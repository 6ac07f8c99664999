import { endpoints } from "../../schema/api/endpoints.ts";
import { viewKeyUsage, viewUsage } from "../services/accounts/usage.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Account. */
export const accountHandlers = {
  getUsage: route(endpoints.getUsage, async ({ c, scope, query }) =>
    ok(await viewUsage(scope, c.var.account.id, query.period)),
  ),

  getKeyUsage: route(endpoints.getKeyUsage, async ({ c, scope, query }) =>
    ok(await viewKeyUsage(scope, c.var.account.id, query.period)),
  ),
};
