import type { RequestContext } from "../../context.ts";
import { takeGatewayAccount } from "../../db/gateway-accounts.ts";
import { ApiError } from "../../lib/api-error.ts";
import { sameSecret } from "../../lib/digest.ts";
import type { Account } from "./key-cache.ts";

/** Callers who come through RapidAPI's gateway, which vouches for them by a shared secret. */

/** The gateway's headers of a call. */
export interface GatewayCall {
  /** `X-RapidAPI-Proxy-Secret` */
  readonly secret: string;
  /** `X-RapidAPI-User` */
  readonly user: string | undefined;
  /** `X-RapidAPI-Subscription` */
  readonly subscription: string | undefined;
}

/** Longest name of a caller, in characters. */
const MAX_USER = 200;

/**
 * The account of a caller of the gateway, created at the first call.
 *
 * @throws ApiError `invalid_api_key` for a wrong secret, a missing caller or a disabled account
 */
export async function authenticateGateway(context: RequestContext, call: GatewayCall): Promise<Account> {
  const { rapidApiSecret } = context.config;
  if (rapidApiSecret === null || !(await sameSecret(call.secret, rapidApiSecret))) {
    throw new ApiError("invalid_api_key", { sentence: "Invalid gateway secret" });
  }
  const user = call.user?.trim() ?? "";
  if (user === "" || user.length > MAX_USER) {
    throw new ApiError("invalid_api_key", { sentence: "Missing or invalid X-RapidAPI-User header" });
  }
  const account = await lookUp(context, user, call.subscription?.trim().toUpperCase() ?? "");
  if (!account) throw new ApiError("invalid_api_key", { sentence: "This account is disabled" });
  return account;
}

/** Cached for a minute like a key, so that most calls need no look-up. @param asked name of the plan */
async function lookUp(context: RequestContext, user: string, asked: string): Promise<Account | null> {
  const gateway_user = `rapidapi:${user}`;
  const entry = `${asked} ${gateway_user}`;
  const known = context.keys.get(entry, context.clock());
  if (known !== undefined) return known;
  const plans = context.config.rapidApiPlans;
  const [lowest] = plans.keys();
  const plan = plans.has(asked) ? asked : (lowest ?? "");
  const id = context.newId();
  const row = await takeGatewayAccount(context.db, {
    id,
    storage_prefix: id,
    name: user,
    source: "rapidapi",
    limits: plans.get(plan) ?? {},
    gateway_user,
    gateway_tier: plan,
    created_at: context.clock(),
  });
  if (plan !== asked) {
    context.log("unknown_plan", { marketplace: "rapidapi", plan: asked, used: plan, account_id: row?.id });
  }
  const account = row
    ? {
        id: row.id,
        source: row.source,
        limits: row.limits,
        keyId: null,
        scopes: null,
        allowedIps: null,
        expiresAt: null,
      }
    : null;
  context.keys.set(entry, account, context.clock());
  return account;
}
