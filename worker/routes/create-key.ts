import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts.ts";
import { created, route } from "./route.ts";

export const createKey = route(endpoints.createKey, async ({ scope, params, body }) =>
  created(await accounts.createKey(scope, params.id, body)),
);
