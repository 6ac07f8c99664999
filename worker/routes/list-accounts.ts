import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts/accounts.ts";
import { ok, route } from "./route.ts";

export const listAccounts = route(endpoints.listAccounts, async ({ scope, query }) =>
  ok(await accounts.listAccounts(scope, query)),
);
