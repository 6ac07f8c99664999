import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/batches/rename.ts";
import { ok, route } from "./route.ts";

export const renameJobs = route(endpoints.renameJobs, async ({ c, scope, params, body }) =>
  ok(await service.renameJobs(scope, c.var.account.id, params.id.toLowerCase(), body.renames)),
);
