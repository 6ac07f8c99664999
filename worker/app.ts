import { Hono, type MiddlewareHandler } from "hono";
import { type Endpoint, scopeOf } from "../schema/api/endpoint.ts";
import { type EndpointName, endpoints } from "../schema/api/endpoints.ts";
import type { Services } from "./context.ts";
import { gatewayBilling } from "./middleware/gateway-billing.ts";
import { noRoute } from "./middleware/no-route.ts";
import { onError } from "./middleware/on-error.ts";
import { rateLimit } from "./middleware/rate-limit.ts";
import { requestId } from "./middleware/request-id.ts";
import { requestLog } from "./middleware/request-log.ts";
import { requireKey } from "./middleware/require-key.ts";
import { requireOperator } from "./middleware/require-operator.ts";
import { requireScope } from "./middleware/require-scope.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { validate } from "./middleware/validate.ts";
import { withContext } from "./middleware/with-context.ts";
import { handlers } from "./routes/handlers.ts";
import { heartbeat, known, outcome, publish, recording, source, upload } from "./routes/internal.ts";
import type { AppEnv } from "./routes/route.ts";
import { docsAsset, uiAsset } from "./routes/service.ts";
import { receiveHubPush, verifyHubLease } from "./routes/websub.ts";

const open: MiddlewareHandler<AppEnv> = (_, next) => next();

/** Access to routes; the token of a run is checked with its report. */
function guardsOf(endpoint: Endpoint): [MiddlewareHandler<AppEnv>, ...MiddlewareHandler<AppEnv>[]] {
  switch (endpoint.auth) {
    case "key":
      return [gatewayBilling, requireKey, rateLimit, requireScope(scopeOf(endpoint))];
    case "admin":
      return [requireOperator];
    case "run":
    case "public":
      return [open];
  }
}

/** The HTTP interface: every route of the endpoints table, the processor's reports, and the page's files. */
export function createApp(services: Services): Hono<AppEnv> {
  const app = new Hono<AppEnv>();
  app.use(requestId, withContext(services), requestLog, securityHeaders);

  for (const [name, endpoint] of Object.entries<Endpoint>(endpoints)) {
    const path = honoPath(endpoint.path);
    const steps = [...validate(endpoint), handlers[name as EndpointName]];
    app.on(endpoint.method, path, ...guardsOf(endpoint), ...steps);
  }
  app.post("/internal/heartbeat", heartbeat);
  app.post("/internal/runs/:id/upload", upload);
  app.post("/internal/runs/:id/recording", recording);
  app.post("/internal/runs/:id/source", source);
  app.post("/internal/runs/:id/publish", publish);
  app.post("/internal/runs/:id/known", known);
  app.post("/internal/runs/:id/outcome", outcome);
  app.get("/websub/:id", verifyHubLease);
  app.post("/websub/:id", receiveHubPush);
  for (const path of ["/docs/*", "/llms.txt", "/llms-full.txt"]) app.get(path, docsAsset);
  app.get("/ui/:file", uiAsset);
  // where the metrics were before they had a separate path
  app.get("/admin/metrics", requireOperator, handlers.metrics);

  app.notFound(noRoute(app));
  app.onError(onError);
  return app;
}

/** @example honoPath("/jobs/{id}") // "/jobs/:id" */
const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");
