import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/accounts/audit.ts";
import { ok, route } from "./route.ts";

export const listAudit = route(endpoints.listAudit, async ({ scope, query }) =>
  ok(await service.listAudit(scope, query)),
);
