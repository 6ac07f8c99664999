import { endpoints } from "../../schema/api/endpoints.ts";
import * as keys from "../services/accounts/keys.ts";
import { ok, route } from "./route.ts";

export const listKeys = route(endpoints.listKeys, async ({ scope, params }) =>
  ok(await keys.listKeys(scope, params.id)),
);
