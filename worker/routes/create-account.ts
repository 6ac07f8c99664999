import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts/accounts.ts";
import { actorOf } from "./actor.ts";
import { created, route } from "./route.ts";

export const createAccount = route(endpoints.createAccount, async ({ c, scope, body }) =>
  created(await accounts.createAccount(scope, actorOf(c), body)),
);
