import type { InlineStorage } from "../../schema/api/storage.ts";
import { clearDelivery, findJobOf, type JobRow } from "../db/job-rows.ts";
import { findStorageConfig } from "../db/storage-configs.ts";
import { dependencyUnavailable, illegalState, invalidMember, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import { openSealed } from "./credentials.ts";
import { placeOf } from "./storage-addresses.ts";
import { StorageRefusal } from "./storage-http.ts";
import { deliveredKeys } from "./storage-links.ts";
import { type ObjectStore, openStore } from "./storage-store.ts";
import { explainRefusal } from "./verify/explain.ts";
import { checkStorage, validationFailed } from "./verify/verify-storage.ts";

/** A store, and how to tell the caller what its provider refuses. */
interface Deleting {
  readonly store: Pick<ObjectStore, "deleteObject">;
  readonly refused: (error: StorageRefusal) => Error;
}

/**
 * Deletes the delivered file of a job and what lies beside it.
 *
 * @param storage brought again by the caller; required where it came with the job
 * @returns the key that was deleted
 * @throws ApiError `not_found`; `invalid_request` without a file or without the storage; `storage_verification_failed`
 *   when the caller's storage refuses; `dependency_unavailable` when a storage is away
 */
export async function deleteFile(
  scope: Scope,
  accountId: string,
  id: string,
  storage?: InlineStorage,
): Promise<string> {
  const job = await findJobOf(scope.db, accountId, id.toLowerCase());
  if (!job) throw notFound();
  if (job.status !== "Completed" || job.object_key === null) throw illegalState("Job has no file to delete");
  const { store, refused } = await storeOf(scope, job, storage);
  try {
    await Promise.all(deliveredKeys(job).map((key) => store.deleteObject(key)));
  } catch (error) {
    throw error instanceof StorageRefusal && error.status < 500
      ? refused(error)
      : dependencyUnavailable(error);
  }
  await clearDelivery(scope.db, job.id);
  return job.object_key;
}

async function storeOf(scope: Scope, job: JobRow, brought: InlineStorage | undefined): Promise<Deleting> {
  if (job.storage_source === "managed") return { store: scope.bucket, refused: dependencyUnavailable };
  const target = brought ? checkStorage(scope, brought) : await targetOfAccount(scope, job);
  if (placeOf(target) !== job.storage_place) {
    throw invalidMember("storage", "is another place than the one that the job delivered to");
  }
  return {
    store: openStore(target, scope),
    refused: (error) => validationFailed(explainRefusal(error, target, job.object_key ?? "")),
  };
}

async function targetOfAccount(scope: Scope, job: JobRow) {
  if (job.storage_source === "inline") {
    throw invalidMember(
      "storage",
      "is required: the job delivered to storage that came with it, and those credentials were erased",
    );
  }
  const config = await findStorageConfig(scope.db, job.account_id);
  if (!config) throw invalidMember("storage", "is required: the account has no storage any more");
  return (await openSealed(scope, config.sealed, { owner: job.account_id, purpose: "account.storage" }))
    .target;
}
