import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { ApiError } from "../lib/api-error.ts";
import { describeError } from "../lib/log.ts";
import type { AppEnv } from "../routes/route.ts";

/** Writes one line for each request: route, caller, result and cost. */
export const requestLog = createMiddleware<AppEnv>(async (c, next) => {
  const { context, requestId } = c.var;
  const start = context.clock();
  await next();
  const { error } = c;
  context.log("request", {
    request_id: requestId,
    method: c.req.method,
    // the pattern, not the path: no ids of other tenants, no query strings
    route: routePath(c, -1),
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
