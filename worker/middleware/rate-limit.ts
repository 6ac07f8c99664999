import { createMiddleware } from "hono/factory";
import { ApiError } from "../lib/api-error.ts";
import type { AppEnv } from "../routes/route.ts";
import { WINDOW_SECONDS } from "../services/accounts/limits.ts";

/**
 * Refuses callers who ask too often, and reports all of them where they stand in the header fields of the IETF's
 * draft (`RateLimit-Policy`, `RateLimit`).
 */
export const rateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const { context, account } = c.var;
  const rateClass = c.req.method === "GET" ? "read" : "write";
  const verdict = await context.rates.take(rateClass, account.keyId ?? account.id, context.clock());
  const report = () => {
    c.header("ratelimit-policy", `"${rateClass}";q=${verdict.limit};w=${WINDOW_SECONDS}`);
    c.header("ratelimit", `"${rateClass}";r=${verdict.remaining};t=${verdict.resetSeconds}`);
  };
  if (!verdict.allowed) {
    report();
    throw new ApiError("rate_limited", { retryAfterSeconds: verdict.resetSeconds });
  }
  await next();
  report();
});
