import { type AccountStorage, DEFAULT_BASE_FOLDER, type Provider } from "../../../schema/api/storage.ts";
import type { SavedStorage, StorageView, TestedStorage } from "../../../schema/api/user-storage.ts";
import type { Adjustment } from "../../../schema/media.ts";
import { bucketOf, placeOf } from "../../../schema/storage/address.ts";
import type { StorageTarget } from "../../../schema/wire/run.ts";
import type { RequestContext } from "../../context.ts";
import { findStorageConfig, removeStorageConfig, saveStorageConfig } from "../../db/storage-configs.ts";
import { ApiError } from "../../lib/api-error.ts";
import { type Actor, auditRow } from "../accounts/audit.ts";
import { openSealed } from "./credentials.ts";
import { UnsealError } from "./seal.ts";
import { validationFailed, verifyStorage } from "./verify/verify-storage.ts";

/** An account's own storage. */

const NAMES: Record<Provider, string> = {
  s3: "S3 storage",
  blob: "Azure Blob storage",
  gcs: "Google Cloud Storage",
  oss: "Alibaba OSS storage",
  gdrive: "Google Drive storage",
};

/** What a request to set a storage holds. */
type AskedStorage = AccountStorage & {
  /** The hosted API's; here a storage belongs to the account. */
  readonly apply_to_all_keys?: boolean | undefined;
};

/** Verifies a storage, seals it and replaces the former one. @throws ApiError as `verifyStorage` */
export async function setStorage(
  context: RequestContext,
  by: Actor,
  accountId: string,
  { apply_to_all_keys, ...storage }: AskedStorage,
): Promise<SavedStorage> {
  const { target, adjustments } = await verifyStorage(context, storage, "body");
  const bucket = bucketOf(target);
  const { base_folder = DEFAULT_BASE_FOLDER, folder_prefix } = storage;
  const detail = { provider: target.provider, bucket, endpoint: target.endpoint };
  const row = {
    account_id: accountId,
    provider: target.provider,
    place: placeOf(target),
    bucket,
    endpoint: target.endpoint,
    region: "region" in target ? target.region : null,
    folder_prefix: folder_prefix ?? null,
    base_folder,
    access_key_masked: masked(target),
    ...(await context.sealer.seal(JSON.stringify(storage), {
      owner: accountId,
      purpose: "account.storage",
    })),
    updated_at: context.clock(),
  };
  await saveStorageConfig(
    context.db,
    row,
    auditRow(context, by, { action: "storage.set", accountId, detail }),
  );
  const corrected = [...adjustments, ...keysOf(apply_to_all_keys)];
  return {
    message: `${NAMES[target.provider]} configured successfully`,
    provider: target.provider,
    container_or_bucket: bucket,
    ...(folder_prefix === undefined ? {} : { folder_prefix }),
    ...(corrected.length === 0 ? {} : { adjustments: corrected }),
  };
}

function keysOf(asked: boolean | undefined): Adjustment[] {
  if (asked === undefined) return [];
  const reason = "A storage belongs to the account, so it always applies to all of its keys";
  return [{ field: "apply_to_all_keys", from: asked, to: true, reason }];
}

/**
 * Writes a small object to the account's own storage with the stored credentials, and deletes it.
 *
 * @throws ApiError `not_found` if the account has none; as `verifyStorage`
 */
export async function testStorage(context: RequestContext, accountId: string): Promise<TestedStorage> {
  const config = await findStorageConfig(context.db, accountId);
  if (!config) {
    throw new ApiError("not_found", {
      sentence: "The account has no storage of its own; its jobs deliver to the managed bucket",
    });
  }
  const { target, adjustments } = await verifyStorage(
    context,
    await openStored(context, accountId, config.sealed),
    "body",
  );
  const mayDelete = !adjustments.some(({ field }) => field === "storage");
  return {
    message: `${NAMES[target.provider]} works: a small object was written${mayDelete ? " and deleted" : ""}`,
    provider: target.provider,
    container_or_bucket: bucketOf(target),
    ...(config.folder_prefix === null ? {} : { folder_prefix: config.folder_prefix }),
    ...(adjustments.length === 0 ? {} : { adjustments: [...adjustments] }),
  };
}

async function openStored(context: RequestContext, owner: string, sealed: string): Promise<AccountStorage> {
  try {
    return (await openSealed(context, sealed, { owner, purpose: "account.storage" })).storage;
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error;
    throw validationFailed("the stored credentials can no longer be opened; set the storage again", "body");
  }
}

/** The public part of the account's storage, if it is of this provider. */
export async function viewStorage(
  context: RequestContext,
  accountId: string,
  provider: Provider,
): Promise<StorageView> {
  const found = await findStorageConfig(context.db, accountId);
  const config = found?.provider === provider ? found : null;
  return {
    configured: config !== null,
    source: found ? "account" : "managed",
    provider,
    container_or_bucket: config?.bucket ?? null,
    endpoint: config?.endpoint ?? null,
    region: config?.region ?? null,
    folder_prefix: config?.folder_prefix ?? null,
    base_folder: config?.base_folder ?? null,
    access_key_masked: config?.access_key_masked ?? null,
    last_modified: config?.updated_at ?? null,
  };
}

/** Removes the account's storage. @returns a sentence for people. @throws ApiError `not_found` if it is of another provider, or there is none */
export async function removeStorage(
  context: RequestContext,
  by: Actor,
  accountId: string,
  provider: Provider,
): Promise<string> {
  const audit = auditRow(context, by, { action: "storage.removed", accountId, detail: { provider } });
  if (await removeStorageConfig(context.db, accountId, provider, audit)) {
    return `${NAMES[provider]} removed; the managed bucket is used again`;
  }
  throw new ApiError("not_found", { sentence: `No ${NAMES[provider]} is configured` });
}

/** The last four characters of the caller's id at the provider. */
function masked(target: StorageTarget): string {
  const name = nameAtProvider(target);
  return `****${name.length >= 8 ? name.slice(-4) : ""}`;
}

function nameAtProvider(target: StorageTarget): string {
  switch (target.provider) {
    case "s3":
      return target.access_key;
    case "blob":
      return target.account_name;
    case "gcs":
    case "gdrive":
      return target.service_account.client_email.replace(/@.*/, "");
    case "oss":
      return target.access_key_id;
  }
}
