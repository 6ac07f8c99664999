import { endpoints } from "../../schema/api/endpoints.ts";
import { listDeliveries, listEndpoints, replayDelivery } from "../services/webhooks/deliveries.ts";
import { readWebhookSecret, rotateWebhookSecret } from "../services/webhooks/secret.ts";
import { readSlack, removeSlack, saveSlack } from "../services/webhooks/slack.ts";
import { actorOf } from "./actor.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Webhooks. */
export const webhooksHandlers = {
  listDeliveries: route(endpoints.listDeliveries, async ({ c, scope, query }) =>
    ok(await listDeliveries(scope, c.var.account.id, query)),
  ),

  replayDelivery: route(endpoints.replayDelivery, async ({ c, scope, params }) =>
    created(await replayDelivery(scope, c.var.account.id, params.id)),
  ),

  listWebhooks: route(endpoints.listWebhooks, async ({ c, scope }) =>
    ok(await listEndpoints(scope, c.var.account.id)),
  ),

  getWebhookSecret: route(endpoints.getWebhookSecret, async ({ c, scope }) =>
    ok({ webhook_signing_secret: await readWebhookSecret(scope, c.var.account.id) }),
  ),

  rotateWebhookSecret: route(endpoints.rotateWebhookSecret, async ({ c, scope }) =>
    ok({ webhook_signing_secret: await rotateWebhookSecret(scope, actorOf(c), c.var.account.id) }),
  ),

  getSlack: route(endpoints.getSlack, async ({ c, scope }) => ok(await readSlack(scope, c.var.account.id))),

  saveSlack: route(endpoints.saveSlack, async ({ c, scope, body }) => {
    await saveSlack(scope, actorOf(c), c.var.account.id, body);
    return ok({ message: "Slack notifications configured successfully" });
  }),

  removeSlack: route(endpoints.removeSlack, async ({ c, scope }) => {
    await removeSlack(scope, actorOf(c), c.var.account.id);
    return ok({ message: "Slack notifications removed" });
  }),
};
