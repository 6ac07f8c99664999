import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/webhooks/slack.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const removeSlack = route(endpoints.removeSlack, async ({ c, scope }) => {
  await service.removeSlack(scope, actorOf(c), c.var.account.id);
  return ok({ message: "Slack notifications removed" });
});
