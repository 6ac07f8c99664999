import { createMiddleware } from "hono/factory";
import { ApiError } from "../lib/api-error.ts";
import { bearerOf } from "../lib/bearer.ts";
import type { AppContext, AppEnv } from "../routes/route.ts";
import { authenticateKey, requireAddressOf } from "../services/accounts/authenticate.ts";
import type { Account } from "../services/accounts/key-cache.ts";
import { authenticateGateway } from "../services/accounts/marketplace.ts";

/**
 * The client's address as the platform saw it: Cloudflare sets this header on every request, and so does the self-hosted
 * platform (`bin/stack/platform/front.ts`); both discard what the client sent under this name.
 */
const CLIENT_ADDRESS = "cf-connecting-ip";

/**
 * Admits only callers with a key (`x-api-key` or `Authorization: Bearer`) or through RapidAPI's gateway. Callers of
 * marketplaces have no settings of their own.
 */
export const requireKey = createMiddleware<AppEnv>(async (c, next) => {
  const account = await authenticate(c);
  c.set("account", account);
  requireAddressOf(account, c.req.header(CLIENT_ADDRESS) ?? null);
  if (account.source !== "direct" && c.req.path.startsWith("/user/")) {
    throw new ApiError("forbidden", {
      sentence: "Callers of a marketplace send their storage with each job",
    });
  }
  await next();
});

function authenticate(c: AppContext): Promise<Account> {
  const secret = c.req.header("x-rapidapi-proxy-secret");
  if (secret === undefined) {
    return authenticateKey(c.var.context, c.req.header("x-api-key") ?? bearerOf(c.req.raw));
  }
  const user = c.req.header("x-rapidapi-user");
  return authenticateGateway(c.var.context, {
    secret,
    user,
    subscription: c.req.header("x-rapidapi-subscription"),
  });
}
