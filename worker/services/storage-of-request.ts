import type { InlineStorage } from "../../schema/api/storage.ts";
import { ApiError } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import type { Account } from "./key-cache.ts";
import { type VerifiedStorage, verifyStorage } from "./verify/verify-storage.ts";

/**
 * The storage that came with a request, verified; undefined when none came and the account's own or the managed bucket
 * serves.
 *
 * @throws ApiError `storage_required` for callers of marketplaces without it, and as `verifyStorage`
 */
export async function storageOfRequest(
  scope: Scope,
  account: Account,
  storage: InlineStorage | undefined,
): Promise<VerifiedStorage | undefined> {
  if (storage) return verifyStorage(scope, storage);
  if (account.source !== "direct") throw new ApiError("storage_required");
  return undefined;
}
