import { endpoints } from "../../schema/api/endpoints.ts";
import {
  listDeliveries,
  listEndpoints,
  readDelivery,
  replayDelivery,
} from "../services/webhooks/deliveries.ts";
import { readWebhookSecret, rotateWebhookSecret } from "../services/webhooks/secret.ts";
import { readSlack, removeSlack, saveSlack } from "../services/webhooks/slack.ts";
import { actorOf } from "./actor.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Webhooks. */
export const webhooksHandlers = {
  listDeliveries: route(endpoints.listDeliveries, async ({ c, context, query }) =>
    ok(await listDeliveries(context, c.var.account.id, query)),
  ),

  getDelivery: route(endpoints.getDelivery, async ({ c, context, params }) =>
    ok(await readDelivery(context, c.var.account.id, params.id)),
  ),

  replayDelivery: route(endpoints.replayDelivery, async ({ c, context, params }) =>
    created(await replayDelivery(context, c.var.account.id, params.id)),
  ),

  listWebhooks: route(endpoints.listWebhooks, async ({ c, context }) =>
    ok(await listEndpoints(context, c.var.account.id)),
  ),

  getWebhookSecret: route(endpoints.getWebhookSecret, async ({ c, context }) =>
    ok({ webhook_signing_secret: await readWebhookSecret(context, c.var.account.id) }),
  ),

  rotateWebhookSecret: route(endpoints.rotateWebhookSecret, async ({ c, context }) =>
    ok({ webhook_signing_secret: await rotateWebhookSecret(context, actorOf(c), c.var.account.id) }),
  ),

  getSlack: route(endpoints.getSlack, async ({ c, context }) =>
    ok(await readSlack(context, c.var.account.id)),
  ),

  saveSlack: route(endpoints.saveSlack, async ({ c, context, body }) => {
    await saveSlack(context, actorOf(c), c.var.account.id, body);
    const { notify_level } = body;
    return ok({ message: "Slack notifications configured successfully", configured: true, notify_level });
  }),

  removeSlack: route(endpoints.removeSlack, async ({ c, context }) => {
    await removeSlack(context, actorOf(c), c.var.account.id);
    return ok({ message: "Slack notifications removed", configured: false });
  }),
};
