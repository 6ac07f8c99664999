import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts.ts";
import { ok, route } from "./route.ts";

export const changeAccount = route(endpoints.changeAccount, async ({ scope, params, body }) =>
  ok(await accounts.changeAccount(scope, params.id, body)),
);
