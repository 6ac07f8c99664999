import { endpoints } from "../../schema/api/endpoints.ts";
import { viewAccountUsage } from "../services/accounts/usage.ts";
import { ok, route } from "./route.ts";

export const getAccountUsage = route(endpoints.getAccountUsage, async ({ scope, params, query }) =>
  ok(await viewAccountUsage(scope, params.id, query.period)),
);
