import { endpoints } from "../../schema/api/endpoints.ts";
import { readWebhookSecret } from "../services/webhooks/secret.ts";
import { ok, route } from "./route.ts";

export const getWebhookSecret = route(endpoints.getWebhookSecret, async ({ c, scope }) =>
  ok({ webhook_signing_secret: await readWebhookSecret(scope, c.var.account.id) }),
);
