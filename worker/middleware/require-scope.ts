import { createMiddleware } from "hono/factory";
import type { Scope as KeyScope } from "../../schema/api/account.ts";
import type { AppEnv } from "../routes/route.ts";
import { requireScopeOf } from "../services/accounts/authenticate.ts";

/** Admits only callers whose key has a scope. */
export const requireScope = (needed: KeyScope) =>
  createMiddleware<AppEnv>(async (c, next) => {
    requireScopeOf(c.var.account, needed);
    await next();
  });
