import { endpoints } from "../../schema/api/endpoints.ts";
import { readAccount } from "../services/accounts/accounts.ts";
import { ok, route } from "./route.ts";

export const getAccount = route(endpoints.getAccount, async ({ scope, params }) =>
  ok(await readAccount(scope, params.id)),
);
