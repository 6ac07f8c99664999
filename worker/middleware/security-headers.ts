import { createMiddleware } from "hono/factory";

/** Responses are data: browsers must not guess their type, frame or cache them, or send a referrer. */
export const securityHeaders = createMiddleware(async (c, next) => {
  await next();
  const { headers } = c.res;
  c.header("x-content-type-options", "nosniff");
  c.header("referrer-policy", "no-referrer");
  if (!headers.has("content-security-policy")) {
    c.header("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  }
  if (!headers.has("cache-control")) c.header("cache-control", "no-store");
});
