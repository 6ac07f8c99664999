import type { InlineStorage } from "../../../schema/api/storage.ts";
import { placeOf } from "../../../schema/storage/address.ts";
import type { RequestContext } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { beginErasureQuery, finishErasure, giveUpErasure } from "../../db/object-owners.ts";
import { findStorageConfig } from "../../db/storage-configs.ts";
import {
  ApiError,
  dependencyUnavailable,
  illegalState,
  invalidMember,
  notFound,
} from "../../lib/api-error.ts";
import { openSealed } from "../storage/credentials.ts";
import { StorageRefusedError } from "../storage/http.ts";
import { deliveredKeys } from "../storage/links.ts";
import { openStorageClient } from "../storage/open-store.ts";
import type { StorageClient } from "../storage/store.ts";
import { explainRefusal } from "../storage/verify/explain.ts";
import { checkStorage, validationFailed } from "../storage/verify/verify-storage.ts";

/** A store, and how to report its provider's refusals to the caller. */
interface Deleting {
  readonly store: Pick<StorageClient, "deleteObject">;
  readonly refused: (error: StorageRefusedError) => Error;
}

/** Longer than deleting all files of a job takes, in milliseconds. */
export const ERASURE_MS = 60_000;

const NO_FILE = "Job has no file to delete";
const BUSY = "Another request is writing or deleting a file of this name; try again in a moment";

/**
 * Deletes the delivered file of a job, its subtitles and thumbnail. A file that another job overwrote belongs to that
 * job.
 *
 * @param storage sent again by the caller; required if the job had inline storage
 * @returns the key that was deleted
 * @throws ApiError `not_found`; `invalid_request` without a file or without the storage; `storage_verification_failed`
 *   if the caller's storage refuses; `dependency_unavailable` if a storage is down, or while another job writes the file
 */
export async function deleteFile(
  context: RequestContext,
  accountId: string,
  id: string,
  storage?: InlineStorage,
): Promise<string> {
  const job = await findJobOf(context.db, accountId, id.toLowerCase());
  if (!job) throw notFound("job");
  requireFile(job);
  const { store, refused } = await storeOf(context, job, storage);
  const now = context.clock();
  const until = now + ERASURE_MS;
  const [held] = await beginErasureQuery(context.db, [job.id], { now, until });
  if (!held) throw new ApiError("dependency_unavailable", { sentence: BUSY, retryAfterSeconds: 1 });
  try {
    const key = requireFile(held);
    await Promise.all(deliveredKeys(held).map((name) => store.deleteObject(name)));
    await finishErasure(context.db, held.id, until);
    return key;
  } catch (error) {
    await giveUpErasure(context.db, held.id, until);
    if (error instanceof ApiError) throw error;
    throw error instanceof StorageRefusedError && error.status < 500
      ? refused(error)
      : dependencyUnavailable(error);
  }
}

/** The key of the job's file. @throws ApiError `invalid_request` when it has none of its own */
function requireFile({ status, object_key, file_replaced_by }: JobRow): string {
  if (status !== "Completed" || object_key === null || file_replaced_by !== null) throw illegalState(NO_FILE);
  return object_key;
}

async function storeOf(
  context: RequestContext,
  job: JobRow,
  brought: InlineStorage | undefined,
): Promise<Deleting> {
  if (job.storage_source === "managed") return { store: context.bucket, refused: dependencyUnavailable };
  const target = brought ? checkStorage(context, brought, "storage") : await targetOfAccount(context, job);
  if (placeOf(target) !== job.storage_place) {
    throw invalidMember("storage", "is not the storage that the job delivered to");
  }
  return {
    store: openStorageClient(target, context),
    refused: (error) => validationFailed(explainRefusal(error, target, job.object_key ?? ""), "storage"),
  };
}

async function targetOfAccount(context: RequestContext, job: JobRow) {
  if (job.storage_source === "inline") {
    throw invalidMember(
      "storage",
      "is required: the job used inline storage, and its credentials were erased",
    );
  }
  const config = await findStorageConfig(context.db, job.account_id);
  if (!config) throw invalidMember("storage", "is required: the account no longer has a storage");
  return (await openSealed(context, config.sealed, { owner: job.account_id, purpose: "account.storage" }))
    .target;
}
