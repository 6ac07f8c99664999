import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/batches/start.ts";
import { ok, route } from "./route.ts";

export const startBatch = route(endpoints.startBatch, async ({ c, scope, params }) =>
  ok(await service.startBatch(scope, c.var.account.id, params.id.toLowerCase())),
);
