import { isInRanges, parseAddressRange } from "../../../schema/address-range.ts";
import type { Scope as KeyScope } from "../../../schema/api/account.ts";
import { sha256Hex } from "../../../schema/bytes.ts";
import type { RequestContext } from "../../context.ts";
import { findByKey } from "../../db/key-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { isWellFormedKey } from "../../lib/api-key.ts";
import { sameSecret } from "../../lib/digest.ts";
import type { Account } from "./key-cache.ts";

/**
 * The account of a key. A key with a wrong checksum is refused without I/O; others are looked up and cached for a
 * minute.
 *
 * @throws ApiError `missing_api_key` or `invalid_api_key`
 */
export async function authenticateKey(context: RequestContext, key: string | null): Promise<Account> {
  if (key === null) throw new ApiError("missing_api_key");
  if (!isWellFormedKey(key)) throw new ApiError("invalid_api_key");
  const known = context.keys.get(key, context.clock());
  const account = known === undefined ? await lookUp(context, key) : known;
  if (!account) throw new ApiError("invalid_api_key");
  return account;
}

async function lookUp(context: RequestContext, key: string): Promise<Account | null> {
  const now = context.clock();
  const sha256 = await sha256Hex(key);
  let found = await findByKey(context.db, sha256, now);
  // a key that was just created may not have reached the replica
  if (!found && context.connection.goToPrimary()) found = await findByKey(context.db, sha256, now);
  const account = found ? accountOf(found) : null;
  context.keys.set(key, account, now);
  return account;
}

const accountOf = ({
  account: { id, source, limits },
  key,
}: NonNullable<Awaited<ReturnType<typeof findByKey>>>): Account => ({
  id,
  source,
  limits,
  keyId: key.id,
  scopes: key.scopes,
  allowedIps: key.allowed_ips?.flatMap((text) => parseAddressRange(text) ?? []) ?? null,
  expiresAt: key.expires_at,
});

/**
 * Refuses a key that is bound to other addresses.
 *
 * @param address of the client, as the platform saw it; null if it did not say, which is not one of the allowed ones
 * @throws ApiError `forbidden`
 */
export function requireAddressOf({ allowedIps }: Account, address: string | null): void {
  if (allowedIps === null || (address !== null && isInRanges(address, allowedIps))) return;
  throw new ApiError("forbidden", {
    sentence: `This key may not be used from ${address ?? "an unknown address"}`,
  });
}

/** @throws ApiError `forbidden` that names the missing scope */
export function requireScopeOf({ scopes }: Account, needed: KeyScope): void {
  if (scopes === null || scopes.includes(needed)) return;
  throw new ApiError("forbidden", { sentence: `This key lacks the scope "${needed}"` });
}

/** @throws ApiError `missing_api_key` or `invalid_api_key` */
export async function authenticateOperator(context: RequestContext, token: string | null): Promise<void> {
  if (token === null) throw new ApiError("missing_api_key", { sentence: "Missing Authorization header" });
  if (!(await sameSecret(token, context.config.adminToken))) {
    throw new ApiError("invalid_api_key", { sentence: "Invalid operator token" });
  }
}
