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
 * @throws ApiError `invalid_request` for an address that is not public; `storage_verification_failed`, with a sentence
 * that names the cause, for everything else
 */
export async function verifyStorage(
  context: RequestContext,
  storage: AccountStorage,
): Promise<VerifiedStorage> {
  const target = checkStorage(context, storage);
  const network = withinLimit(context);
  const store = openStorageClient(target, network);
  const { base_folder = DEFAULT_BASE_FOLDER, folder_prefix } = storage;
  const folder = keyFolder({ base_folder, folder_prefix });
  const key = folder === "" ? PROBE_NAME : `${folder}/${PROBE_NAME}`;
  try {
    await store.putObject(key, PROBE_TEXT);
  } catch (error) {
    throw await failure(error, target, network, folder);
  }
  try {
    await store.deleteObject(key);
    return { storage, target, adjustments: limitsOf(target) };
  } catch (error) {
    if (!(error instanceof StorageRefusedError)) throw await failure(error, target, network, folder);
    return { storage, target, adjustments: [...limitsOf(target), mayNotDelete(key)] };
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
): StorageTarget {
  const target = readTarget(storage, config.allowedPrivateHosts);
  // the managed bucket used as a caller's storage would hold keys without the account's prefix
  if (placeOf(target) === placeOf(bucket.target)) throw validationFailed(MANAGED);
  judgeTarget(target, config.allowedPrivateHosts);
  if (target.provider === "blob" && "sas_token" in target.credential) {
    const wrong = judgeSharedAccess(target.credential.sas_token, clock());
    if (wrong) throw validationFailed(wrong);
  }
  return target;
}

function readTarget(storage: AccountStorage, opened: Parameters<typeof targetOf>[1]): StorageTarget {
  try {
    return targetOf(storage, opened);
  } catch (error) {
    if (error instanceof StorageTargetError) throw validationFailed(error.message, error.field);
    throw error;
  }
}

/** The refusal of a caller's storage. @param reason what follows `Credential validation failed: ` */
export function validationFailed(reason: string, field?: string): ApiError {
  const message = `Credential validation failed: ${reason}`;
  const path = field === undefined ? "storage" : `storage.${field}`;
  return new ApiError("storage_verification_failed", {
    sentence: message,
    issues: [{ path, message: reason }],
  });
}

async function failure(
  error: unknown,
  target: StorageTarget,
  network: StorageNetwork,
  folder: string,
): Promise<ApiError> {
  if (error instanceof StorageRefusedError) return validationFailed(explainRefusal(error, target, folder));
  return validationFailed(await explainNoResponse(error, target, network));
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

const mayNotDelete = (key: string): Adjustment => ({
  field: "storage",
  from: "write and delete",
  to: "write",
  reason: `The credentials may write but not delete: ${key} stays, and so does what an interrupted run leaves`,
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
