import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/webhooks/deliveries.ts";
import { created, route } from "./route.ts";

export const replayDelivery = route(endpoints.replayDelivery, async ({ c, scope, params }) =>
  created(await service.replayDelivery(scope, c.var.account.id, params.id)),
);
