import { endpoints } from "../../schema/api/endpoints.ts";
import { viewBatch } from "../services/batches/view.ts";
import { ok, route } from "./route.ts";

export const getBatch = route(endpoints.getBatch, async ({ c, scope, params }) =>
  ok(await viewBatch(scope, c.var.account.id, params.id.toLowerCase())),
);
