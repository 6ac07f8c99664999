import { createMiddleware } from "hono/factory";
import { ApiError } from "../lib/api-error.ts";
import type { AppEnv } from "../routes/route.ts";
import { WINDOW_SECONDS } from "../services/accounts/limits.ts";
import { setHeaders } from "./set-headers.ts";

/**
 * Refuses callers that send too many requests, and reports the remaining allowance in the header fields of the IETF
 * draft (`RateLimit-Policy`, `RateLimit`).
 */
export const rateLimit = createMiddleware<AppEnv>(async (c, next) => {
  const { context, account } = c.var;
  const rateClass = c.req.method === "GET" ? "read" : "write";
  const verdict = await context.rates.take(rateClass, account.keyId ?? account.id, context.clock());
  const report = {
    "ratelimit-policy": `"${rateClass}";q=${verdict.limit};w=${WINDOW_SECONDS}`,
    ratelimit: `"${rateClass}";r=${verdict.remaining};t=${verdict.resetSeconds}`,
  };
  if (!verdict.allowed) {
    for (const [name, value] of Object.entries(report)) c.header(name, value);
    throw new ApiError("rate_limited", { retryAfterSeconds: verdict.resetSeconds });
  }
  await next();
  setHeaders(c, report);
});
