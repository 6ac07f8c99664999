import type { InlineStorage } from "../../schema/api/storage.ts";
import type { NewJobRow } from "../db/job-rows.ts";
import { ApiError } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import type { Account } from "./key-cache.ts";
import { placeOf } from "./storage-addresses.ts";
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

/** The columns of a job that say where it delivers to; without a storage of its own the database looks for the account's. */
export const storageColumns = (
  storage: VerifiedStorage | undefined,
): Pick<NewJobRow, "storage_source" | "storage_provider" | "storage_place"> => ({
  storage_source: storage ? "inline" : "managed",
  storage_provider: storage?.target.provider ?? "s3",
  storage_place: storage ? placeOf(storage.target) : null,
});
