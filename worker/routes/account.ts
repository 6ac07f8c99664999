import { endpoints } from "../../schema/api/endpoints.ts";
import { viewKeyUsage, viewUsage } from "../services/accounts/usage.ts";
import { ok, route } from "./route.ts";

/** Handlers of the routes with the tag Account. */
export const accountHandlers = {
  getUsage: route(endpoints.getUsage, async ({ c, context, query }) =>
    ok(await viewUsage(context, c.var.account.id, query.period)),
  ),

  getKeyUsage: route(endpoints.getKeyUsage, async ({ c, context, query }) =>
    ok(await viewKeyUsage(context, c.var.account.id, query.period)),
  ),
};
