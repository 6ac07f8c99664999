import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts.ts";
import { ok, route } from "./route.ts";

export const listKeys = route(endpoints.listKeys, async ({ scope, params }) =>
  ok(await accounts.listKeys(scope, params.id)),
);
