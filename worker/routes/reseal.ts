import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/storage/reseal.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const reseal = route(endpoints.reseal, async ({ c, scope }) =>
  ok(await service.reseal(scope, actorOf(c))),
);
