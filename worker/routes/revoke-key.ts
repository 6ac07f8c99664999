import { endpoints } from "../../schema/api/endpoints.ts";
import * as keys from "../services/accounts/keys.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const revokeKey = route(endpoints.revokeKey, async ({ c, scope, params }) => {
  await keys.revokeKey(scope, actorOf(c), params.id, params.key_id);
  return ok({ message: "Key revoked", id: params.key_id });
});
