import { DEFAULT_BASE_FOLDER, type InlineStorage, type Provider } from "../../../schema/api/storage.ts";
import { placeOf } from "../../../schema/storage/address.ts";
import type { KeyParts } from "../../../schema/storage/object-key.ts";
import type { RequestContext } from "../../context.ts";
import type { NewJobRow } from "../../db/job-rows.ts";
import { findFoldersOf } from "../../db/storage-configs.ts";
import { ApiError } from "../../lib/api-error.ts";
import type { Account } from "../accounts/key-cache.ts";
import { managedFolder } from "../runs/storage-of-job.ts";
import { type VerifiedStorage, verifyStorage } from "../storage/verify/verify-storage.ts";

/**
 * The inline storage of a request, verified; undefined without one, when the account's own or the managed bucket is
 * used.
 *
 * @throws ApiError `storage_required` for callers of marketplaces without it, and as `verifyStorage`
 */
export async function storageOfRequest(
  context: RequestContext,
  account: Account,
  storage: InlineStorage | undefined,
): Promise<VerifiedStorage | undefined> {
  if (storage) return verifyStorage(context, storage, "storage");
  if (account.source !== "direct") throw new ApiError("storage_required");
  return undefined;
}

/** The columns of a job that determine where it delivers to; without inline storage the database looks up the account's. */
export const storageColumns = (
  storage: VerifiedStorage | undefined,
): Pick<NewJobRow, "storage_source" | "storage_provider" | "storage_place"> => ({
  storage_source: storage ? "inline" : "managed",
  storage_provider: storage?.target.provider ?? "s3",
  storage_place: storage ? placeOf(storage.target) : null,
});

/** Whose storage a request's file would go to, and the folders that its key begins with. */
type RequestFolder = { readonly provider: Provider } & Pick<KeyParts, "base_folder" | "folder_prefix">;

/** The inline storage of a request, else the account's own, else the managed bucket. */
export async function folderOfRequest(
  context: RequestContext,
  accountId: string,
  storage: InlineStorage | undefined,
): Promise<RequestFolder> {
  if (storage) {
    const { provider, base_folder = DEFAULT_BASE_FOLDER, folder_prefix } = storage;
    return { provider, base_folder, folder_prefix };
  }
  const found = await findFoldersOf(context.db, accountId);
  if (!found?.provider) {
    const account = { id: accountId, storage_prefix: found?.storage_prefix ?? null };
    return { provider: "s3", base_folder: managedFolder(account) };
  }
  const { provider, base_folder, folder_prefix } = found;
  return {
    provider,
    base_folder: base_folder ?? DEFAULT_BASE_FOLDER,
    folder_prefix: folder_prefix ?? undefined,
  };
}
