import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts.ts";
import { created, route } from "./route.ts";

export const createAccount = route(endpoints.createAccount, async ({ scope, body }) =>
  created(await accounts.createAccount(scope, body)),
);
