import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts/accounts.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const changeAccount = route(endpoints.changeAccount, async ({ c, scope, params, body }) =>
  ok(await accounts.changeAccount(scope, actorOf(c), params.id, body)),
);
