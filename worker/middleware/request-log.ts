import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import { ApiError } from "../lib/api-error.ts";
import { describeError } from "../lib/log.ts";
import type { AppEnv } from "../routes/route.ts";

/** Writes one line for each request: what was asked by whom, how it ended, and what it cost. */
export const requestLog = createMiddleware<AppEnv>(async (c, next) => {
  const { scope, requestId } = c.var;
  const start = scope.clock();
  await next();
  const { error } = c;
  scope.log("request", {
    request_id: requestId,
    method: c.req.method,
    // the pattern, not the path: no ids of other tenants, no query strings
    route: routePath(c, -1),
    status: c.res.status,
    account_id: c.get("account")?.id,
    ...c.get("facts"),
    code: error instanceof ApiError ? error.code : undefined,
    error: error && c.res.status >= 500 ? describeError(error) : undefined,
    d1_calls: scope.connection.calls,
    d1_statements: scope.connection.statements,
    ms: scope.clock() - start,
  });
});
