import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { parseTraceparent } from "../../schema/telemetry/trace-context.ts";
import { ApiError } from "../lib/api-error.ts";
import { describeError } from "../lib/log.ts";
import type { AppContext, AppEnv } from "../routes/route.ts";

/** Writes one line for each request: route, caller, result and cost. */
export const requestLog = createMiddleware<AppEnv>(async (c, next) => {
  const { context, requestId } = c.var;
  const start = context.clock();
  await next();
  const { error } = c;
  const route = routePath(c, -1);
  traceRequest(c, route, start);
  context.log("request", {
    request_id: requestId,
    method: c.req.method,
    // the pattern, not the path: no ids of other tenants, no query strings
    route,
    status: c.res.status,
    account_id: c.get("account")?.id,
    ...c.get("facts"),
    code: error instanceof ApiError ? error.code : undefined,
    error: error && c.res.status >= 500 ? describeError(error) : undefined,
    d1_calls: context.connection.calls,
    d1_statements: context.connection.statements,
    ms: context.clock() - start,
  });
});

/** What monitoring asks all the time, and reports that belong to many jobs at once. */
const UNTRACED: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics", "/internal/heartbeat"]);

/** Ends the span of the request, and sends what waits after the response. */
function traceRequest(c: AppContext, route: string, start: number): void {
  const { context } = c.var;
  const { trace, tracer } = context;
  if (!trace || !tracer.isExported(trace) || UNTRACED.has(route)) return;
  const { method } = c.req;
  const { status } = c.res;
  const facts = c.get("facts") ?? {};
  tracer.end({
    trace,
    parent: parseTraceparent(c.req.header("traceparent")),
    ...{ name: `${method} ${route}`, kind: "server", start, end: context.clock() },
    attributes: {
      "http.request.method": method,
      "http.route": route,
      "http.response.status_code": status,
      "waterspout.request_id": c.get("requestId"),
      "waterspout.job_id": facts.job_id,
    },
    error: status >= 500 ? `HTTP ${status}` : null,
  });
  context.defer(tracer.flush());
}
