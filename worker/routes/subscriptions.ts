import { endpoints } from "../../schema/api/endpoints.ts";
import {
  changeSubscription,
  pauseSubscription,
  removeSubscription,
  resetSubscription,
  resumeSubscription,
  runSubscription,
} from "../services/subscriptions/change.ts";
import { createSubscription } from "../services/subscriptions/create.ts";
import { planSubscription } from "../services/subscriptions/plan.ts";
import { podcastFeed, podcastFile } from "../services/subscriptions/podcast.ts";
import { listEntries, listSubscriptions, viewSubscription } from "../services/subscriptions/view.ts";
import { created, ok, route } from "./route.ts";

/** Handlers of the routes with the tag Subscriptions. */
export const subscriptionsHandlers = {
  createSubscription: route(endpoints.createSubscription, async ({ c, context, body, sent, resourceId }) => {
    c.set("facts", { subscription_id: resourceId });
    return created(await createSubscription(context, c.var.account, { id: resourceId, body, sent }));
  }),

  planSubscription: route(endpoints.planSubscription, async ({ c, context, body, sent }) =>
    ok(await planSubscription(context, c.var.account, body, sent)),
  ),

  listSubscriptions: route(endpoints.listSubscriptions, async ({ c, context, query }) =>
    ok(await listSubscriptions(context, c.var.account.id, query)),
  ),

  getSubscription: route(endpoints.getSubscription, async ({ c, context, params }) =>
    ok(await viewSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  changeSubscription: route(endpoints.changeSubscription, async ({ c, context, params, body, sent }) =>
    ok(await changeSubscription(context, c.var.account, params.id.toLowerCase(), { body, sent })),
  ),

  removeSubscription: route(endpoints.removeSubscription, async ({ c, context, params }) =>
    ok(await removeSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  pauseSubscription: route(endpoints.pauseSubscription, async ({ c, context, params }) =>
    ok(await pauseSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  resumeSubscription: route(endpoints.resumeSubscription, async ({ c, context, params }) =>
    ok(await resumeSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  runSubscription: route(endpoints.runSubscription, async ({ c, context, params }) =>
    ok(await runSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  resetSubscription: route(endpoints.resetSubscription, async ({ c, context, params }) =>
    ok(await resetSubscription(context, c.var.account.id, params.id.toLowerCase())),
  ),

  listSubscriptionEntries: route(endpoints.listSubscriptionEntries, async ({ c, context, params, query }) =>
    ok(await listEntries(context, c.var.account.id, params.id.toLowerCase(), query)),
  ),

  subscriptionFeed: route(endpoints.subscriptionFeed, async ({ c, context, params, query }) => {
    const xml = await podcastFeed(context, params.id.toLowerCase(), query.token);
    return c.body(xml, 200, {
      "content-type": "application/rss+xml; charset=utf-8",
      "cache-control": "private, max-age=60",
    });
  }),

  subscriptionFile: route(endpoints.subscriptionFile, async ({ c, context, params, query }) => {
    const link = await podcastFile(context, {
      id: params.id.toLowerCase(),
      file: params.file,
      token: query.token,
    });
    return c.body(null, 302, { location: link, "cache-control": "no-store" });
  }),
};
