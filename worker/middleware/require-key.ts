import { createMiddleware } from "hono/factory";
import { bearerOf } from "../lib/bearer.ts";
import type { AppEnv } from "../routes/route.ts";
import { authenticateKey } from "../services/authenticate.ts";

/** Lets only callers with a key pass: `x-api-key`, or `Authorization: Bearer`. */
export const requireKey = createMiddleware<AppEnv>(async (c, next) => {
  const key = c.req.header("x-api-key") ?? bearerOf(c.req.raw);
  c.set("account", await authenticateKey(c.var.scope, key));
  await next();
});
