import { endpoints } from "../../schema/api/endpoints.ts";
import { listEndpoints } from "../services/webhooks/deliveries.ts";
import { ok, route } from "./route.ts";

export const listWebhooks = route(endpoints.listWebhooks, async ({ c, scope }) =>
  ok(await listEndpoints(scope, c.var.account.id)),
);
