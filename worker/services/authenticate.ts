import { findAccountByKey } from "../db/account-rows.ts";
import { ApiError } from "../lib/api-error.ts";
import { isWellFormedKey } from "../lib/api-key.ts";
import { sameSecret, sha256Hex } from "../lib/digest.ts";
import type { Scope } from "../services.ts";
import type { Account } from "./key-cache.ts";

/**
 * The account that a key opens. A key with a bad checksum is refused without I/O; the others are looked up and
 * remembered for a minute.
 *
 * @throws ApiError `missing_api_key` or `invalid_api_key`
 */
export async function authenticateKey(scope: Scope, key: string | null): Promise<Account> {
  if (key === null) throw new ApiError("missing_api_key");
  if (!isWellFormedKey(key)) throw new ApiError("invalid_api_key");
  const sha256 = await sha256Hex(key);
  const known = scope.keys.get(sha256, scope.clock());
  const account = known === undefined ? await lookUp(scope, sha256) : known;
  if (!account) throw new ApiError("invalid_api_key");
  return account;
}

async function lookUp(scope: Scope, sha256: string): Promise<Account | null> {
  let row = await findAccountByKey(scope.db, sha256);
  // a key that was just made may not have reached the replica
  if (!row && scope.connection.goToPrimary()) row = await findAccountByKey(scope.db, sha256);
  const account = row ? { id: row.id, keyId: sha256, source: row.source, limits: row.limits } : null;
  scope.keys.set(sha256, account, scope.clock());
  return account;
}

/** @throws ApiError `missing_api_key` or `invalid_api_key` */
export async function authenticateOperator(scope: Scope, token: string | null): Promise<void> {
  if (token === null) throw new ApiError("missing_api_key", { sentence: "Missing Authorization header" });
  if (!(await sameSecret(token, scope.config.adminToken))) {
    throw new ApiError("invalid_api_key", { sentence: "Invalid operator token" });
  }
}
