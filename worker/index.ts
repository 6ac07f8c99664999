import type { Hono } from "hono";
import type { ErrorBody } from "../schema/api/error.ts";
import { createApp } from "./app.ts";
import { createContext, servicesOf } from "./composition.ts";
import { ConfigError } from "./config.ts";
import type { Services } from "./context.ts";
import type { Env } from "./env.ts";
import { consoleLog } from "./lib/log.ts";
import { consumeDeliveryMessages, DELIVERY_QUEUES } from "./queues/deliveries.ts";
import { consumeDispatchMessages } from "./queues/dispatch.ts";
import type { AppEnv } from "./routes/route.ts";
import { reconcile } from "./services/maintenance/reconcile.ts";

export { Batch } from "./objects/batch.ts";
export { Feed } from "./objects/feed.ts";
export { ProcessorInstance } from "./objects/processor-instance.ts";

const apps = new WeakMap<Services, Hono<AppEnv>>();

function appOf(services: Services): Hono<AppEnv> {
  const app = apps.get(services) ?? createApp(services);
  apps.set(services, app);
  return app;
}

export default {
  async fetch(request, env, ctx) {
    try {
      return await appOf(servicesOf(env)).fetch(request, env, ctx);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const request_id = crypto.randomUUID();
      consoleLog("misconfigured", { request_id, error: error.message });
      const body: ErrorBody = { error: "The service is not configured", code: "internal", request_id };
      return Response.json(body, { status: 500, headers: { "x-request-id": request_id } });
    }
  },

  async queue(batch, env, ctx) {
    const context = createContext(servicesOf(env), (work) => ctx.waitUntil(work));
    const consume = DELIVERY_QUEUES.includes(batch.queue) ? consumeDeliveryMessages : consumeDispatchMessages;
    await consume(context, batch);
  },

  async scheduled(_controller, env, ctx) {
    const context = createContext(servicesOf(env), (work) => ctx.waitUntil(work));
    await reconcile(context);
  },
} satisfies ExportedHandler<Env>;
