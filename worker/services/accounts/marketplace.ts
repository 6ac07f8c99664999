import type { Limits } from "../../../schema/api/account.ts";
import type { RequestContext } from "../../context.ts";
import { takeGatewayAccount } from "../../db/gateway-accounts.ts";
import { ApiError } from "../../lib/api-error.ts";
import { sameSecret } from "../../lib/digest.ts";
import type { Account } from "./key-cache.ts";

/** Callers who come through RapidAPI's gateway, which vouches for them by a shared secret. */

const GIB = 1024 ** 3;
const HOUR = 3600;

/** Limits of each tier. Deliveries go to the callers' own storage, which is not limited. */
export const RAPIDAPI_TIERS = {
  BASIC: tier({ max_concurrent_jobs: 2, max_resolution: 1080, hours: 1, gib: 2 }),
  PRO: tier({ max_concurrent_jobs: 10, max_resolution: 2160, hours: 4, gib: 10 }),
  ULTRA: tier({ max_concurrent_jobs: 30, max_resolution: 2160, hours: 8, gib: 30 }),
  MEGA: tier({ max_concurrent_jobs: 100, max_resolution: null, hours: 12, gib: 100 }),
} as const satisfies Record<string, Limits>;

interface Tier extends Pick<Required<Limits>, "max_concurrent_jobs" | "max_resolution"> {
  readonly hours: number;
  readonly gib: number;
}

function tier({ max_concurrent_jobs, max_resolution, hours, gib }: Tier): Limits {
  return {
    max_concurrent_jobs,
    max_resolution,
    max_duration_seconds: hours * HOUR,
    max_filesize_bytes: gib * GIB,
  };
}

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
  const asked = call.subscription?.trim().toUpperCase() ?? "";
  const known = Object.keys(RAPIDAPI_TIERS).find((name) => name === asked);
  const account = await lookUp(context, user, (known ?? "BASIC") as keyof typeof RAPIDAPI_TIERS);
  if (!account) throw new ApiError("invalid_api_key", { sentence: "This account is disabled" });
  return account;
}

/** Cached for a minute like a key, so that most calls need no look-up. */
async function lookUp(
  context: RequestContext,
  user: string,
  gateway_tier: keyof typeof RAPIDAPI_TIERS,
): Promise<Account | null> {
  const gateway_user = `rapidapi:${user}`;
  const entry = `${gateway_tier} ${gateway_user}`;
  const known = context.keys.get(entry, context.clock());
  if (known !== undefined) return known;
  const id = context.newId();
  const row = await takeGatewayAccount(context.db, {
    id,
    storage_prefix: id,
    name: user,
    source: "rapidapi",
    limits: RAPIDAPI_TIERS[gateway_tier],
    gateway_user,
    gateway_tier,
    created_at: context.clock(),
  });
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
