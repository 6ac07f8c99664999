import { endpoints } from "../../schema/api/endpoints.ts";
import * as service from "../services/webhooks/secret.ts";
import { actorOf } from "./actor.ts";
import { ok, route } from "./route.ts";

export const rotateWebhookSecret = route(endpoints.rotateWebhookSecret, async ({ c, scope }) =>
  ok({ webhook_signing_secret: await service.rotateWebhookSecret(scope, actorOf(c), c.var.account.id) }),
);
