import { createMiddleware } from "hono/factory";
import { bearerOf } from "../lib/bearer.ts";
import type { AppEnv } from "../routes/route.ts";
import { authenticateOperator } from "../services/accounts/authenticate.ts";

/** Admits only the operator: `Authorization: Bearer <ADMIN_TOKEN>`. */
export const requireOperator = createMiddleware<AppEnv>(async (c, next) => {
  await authenticateOperator(c.var.context, bearerOf(c.req.raw));
  await next();
});
