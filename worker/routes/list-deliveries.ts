import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/webhooks/deliveries.ts";
import { ok, route } from "./route.ts";

export const listDeliveries = route(endpoints.listDeliveries, async ({ c, scope, query }) =>
  ok(await service.listDeliveries(scope, c.var.account.id, query)),
);
