import { endpoints } from "../../schema/api/endpoints.ts";
import * as accounts from "../services/accounts.ts";
import { ok, route } from "./route.ts";

export const revokeKey = route(endpoints.revokeKey, async ({ scope, params }) => {
  await accounts.revokeKey(scope, params.id, params.key_id);
  return ok({ message: "Key revoked", id: params.key_id });
});
