import { type AccountStorage, DEFAULT_BASE_FOLDER } from "../../../../schema/api/storage.ts";
import type { Adjustment } from "../../../../schema/media.ts";
import { placeOf } from "../../../../schema/storage/address.ts";
import { keyFolder } from "../../../../schema/storage/object-key.ts";
import { isArchive } from "../../../../schema/storage/object-options.ts";
import { StorageTargetError, targetOf } from "../../../../schema/storage/target.ts";
import type { StorageTarget } from "../../../../schema/wire/run.ts";
import type { RequestContext } from "../../../context.ts";
import { ApiError } from "../../../lib/api-error.ts";
import type { OpenedStorage } from "../credentials.ts";
import { type StorageNetwork, StorageRefusedError } from "../http.ts";
import { openStorageClient } from "../open-store.ts";
import { explainNoResponse, explainRefusal } from "./explain.ts";
import { judgeTarget } from "./judge-target.ts";
import { judgeSharedAccess } from "./shared-access.ts";
import { memberOf, type StorageMember } from "./storage-member.ts";

/** A caller's storage that accepted an object. */
export interface VerifiedStorage extends OpenedStorage {
  /** Permissions that the credentials lack but jobs can do without. */
  readonly adjustments: readonly Adjustment[];
}

/** The object that is written and deleted to verify the storage. */
const PROBE_NAME = "verify_credentials.txt";
const PROBE_TEXT = "Waterspout wrote this to check the credentials. It may be deleted.\n";
const LIMIT_MS = 10_000;
const MANAGED = "this is the operator's own bucket; leave storage out to deliver there";

/**
 * Verifies a caller's storage before anything is accepted: its endpoint is public, and a tiny object can be written
 * under the caller's prefix. The object is deleted afterwards; a missing permission to delete is not a refusal.
 *
 * @param within where the caller wrote the storage
 * @throws ApiError `invalid_request` for an address that is not public; `storage_verification_failed`, with a sentence
 * that names the cause, for everything else
 */
export async function verifyStorage(
  context: RequestContext,
  storage: AccountStorage,
  within: StorageMember,
): Promise<VerifiedStorage> {
  const target = checkStorage(context, storage, within);
  const network = withinLimit(context);
  const store = openStorageClient(target, network);
  const { base_folder = DEFAULT_BASE_FOLDER, folder_prefix } = storage;
  const folder = keyFolder({ base_folder, folder_prefix });
  const key = folder === "" ? PROBE_NAME : `${folder}/${PROBE_NAME}`;
  const failed = async (error: unknown) =>
    validationFailed(await reasonOf(error, target, network, folder), within);
  try {
    await store.putObject(key, PROBE_TEXT);
  } catch (error) {
    throw await failed(error);
  }
  try {
    await store.deleteObject(key);
    return { storage, target, adjustments: limitsOf(target) };
  } catch (error) {
    if (!(error instanceof StorageRefusedError)) throw await failed(error);
    return { storage, target, adjustments: [...limitsOf(target), mayNotDelete(key, error.permission)] };
  }
}

/**
 * The target of a caller's storage, checked without any request.
 *
 * @throws ApiError as {@link verifyStorage}
 */
export function checkStorage(
  { config, clock, bucket }: RequestContext,
  storage: AccountStorage,
  within: StorageMember,
): StorageTarget {
  const target = readTarget(storage, config.allowedPrivateHosts, within);
  // the managed bucket used as a caller's storage would hold keys without the account's prefix
  if (placeOf(target) === placeOf(bucket.target)) throw validationFailed(MANAGED, within);
  judgeTarget(target, config.allowedPrivateHosts, within);
  if (target.provider === "blob" && "sas_token" in target.credential) {
    const wrong = judgeSharedAccess(target.credential.sas_token, clock());
    if (wrong) throw validationFailed(wrong, within);
  }
  return target;
}

function readTarget(
  storage: AccountStorage,
  opened: Parameters<typeof targetOf>[1],
  within: StorageMember,
): StorageTarget {
  try {
    return targetOf(storage, opened);
  } catch (error) {
    if (error instanceof StorageTargetError) throw validationFailed(error.message, within, error.field);
    throw error;
  }
}

/** The refusal of a caller's storage. @param reason what follows `Credential validation failed: ` */
export function validationFailed(reason: string, within: StorageMember, field?: string): ApiError {
  return new ApiError("storage_verification_failed", {
    sentence: `Credential validation failed: ${reason}`,
    // the path names the field already
    issues: [{ path: memberOf(within, field), message: field ? reason.replace(`${field} `, "") : reason }],
  });
}

async function reasonOf(
  error: unknown,
  target: StorageTarget,
  network: StorageNetwork,
  folder: string,
): Promise<string> {
  if (error instanceof StorageRefusedError) return explainRefusal(error, target, folder);
  return explainNoResponse(error, target, network);
}

/** One time limit for all requests of a verification. */
function withinLimit({ fetch, clock }: RequestContext): StorageNetwork {
  const limit = AbortSignal.timeout(LIMIT_MS);
  return {
    clock,
    fetch: (input, init) =>
      fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, limit]) : limit }),
  };
}

const mayNotDelete = (key: string, permission: string | null): Adjustment => ({
  field: "storage",
  from: "write and delete",
  to: "write",
  reason: `The credentials may write but not delete${permission === null ? "" : ` (they lack ${permission})`}: ${key} stays, and so does what an interrupted run leaves`,
});

function limitsOf(target: StorageTarget): Adjustment[] {
  return [...linkLimits(target), ...archiveLimits(target)];
}

function linkLimits(target: StorageTarget): Adjustment[] {
  if (target.provider === "gdrive") return target.share_links ? [] : [notShared];
  if (target.provider !== "blob" || "account_key" in target.credential) return [];
  const reason = "A SAS token cannot sign links, and a link with the token itself would hand out its rights";
  return [{ field: "s3_url", from: "signed link", to: null, reason }];
}

const notShared: Adjustment = {
  field: "s3_url",
  from: "signed link",
  to: "link of a file that everybody may read, else null",
  reason:
    "Google Drive signs no links: s3_url is null unless the folder is open to everybody who has the link, or share_links is true",
};

function archiveLimits({ provider, options }: StorageTarget): Adjustment[] {
  const storageClass = options?.storage_class;
  if (provider === "gcs" || !isArchive(storageClass)) return [];
  const reason = `Objects of class ${storageClass} are read only after they were restored at the provider; links answer an error before`;
  return [{ field: "s3_url", from: "signed link", to: "signed link of an archived object", reason }];
}
