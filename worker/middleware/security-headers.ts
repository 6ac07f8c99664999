import { createMiddleware } from "hono/factory";
import { setHeaders } from "./set-headers.ts";

/** Responses are data: browsers must not guess their type, frame or cache them, or send a referrer. */
export const securityHeaders = createMiddleware(async (c, next) => {
  await next();
  const { headers } = c.res;
  setHeaders(c, {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    ...(headers.has("content-security-policy")
      ? {}
      : { "content-security-policy": "default-src 'none'; frame-ancestors 'none'" }),
    ...(headers.has("cache-control") ? {} : { "cache-control": "no-store" }),
  });
});
