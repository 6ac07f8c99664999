import { endpoints } from "../../schema/api/endpoints.ts";
import * as keys from "../services/accounts/keys.ts";
import { actorOf } from "./actor.ts";
import { created, route } from "./route.ts";

export const rollKey = route(endpoints.rollKey, async ({ c, scope, params, body }) =>
  created(await keys.rollKey(scope, actorOf(c), params.id, params.key_id, body)),
);
