import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/batches/cancel.ts";
import { ok, route } from "./route.ts";

export const cancelBatch = route(endpoints.cancelBatch, async ({ c, scope, params }) =>
  ok(await service.cancelBatch(scope, c.var.account.id, params.id.toLowerCase())),
);
