import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/webhooks/slack.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const saveSlack = route(endpoints.saveSlack, async ({ c, scope, body }) => {
  await service.saveSlack(scope, actorOf(c), c.var.account.id, body);
  return ok({ message: "Slack notifications configured successfully" });
});
