import { endpoints } from "../../schema/api/endpoints.ts";
import * as keys from "../services/accounts/keys.ts";
import { actorOf } from "./actor.ts";
import { created, route } from "./route.ts";

export const createKey = route(endpoints.createKey, async ({ c, scope, params, body }) =>
  created(await keys.createKey(scope, actorOf(c), params.id, body)),
);
