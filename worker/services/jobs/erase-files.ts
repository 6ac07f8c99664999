import type { KeptReason } from "../../../schema/api/operator/denied.ts";
import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { beginErasureQuery, findOwnerQuery, giveUpErasure } from "../../db/object-owners.ts";
import { findStorageConfig } from "../../db/storage-configs.ts";
import { describeError } from "../../lib/log.ts";
import { openSealed } from "../storage/credentials.ts";
import { StorageRefusedError } from "../storage/http.ts";
import { deliveredKeys } from "../storage/links.ts";
import { openStorageClient } from "../storage/open-store.ts";
import type { StorageClient } from "../storage/store.ts";
import { ERASURE_MS } from "./delete-file.ts";

/** Deletions that the operator decided: of single jobs' files, wherever they are. */

type Store = Pick<StorageClient, "deleteObject">;
type Place = Pick<JobRow, "id" | "account_id" | "storage_source" | "storage_place">;

/** The result for the files of a job. */
export type ErasedFiles =
  /** Deleted. The job still names them until the caller records it with `finishErasureQuery`. */
  | { readonly type: "deleted"; readonly objects: number; readonly until: number }
  /** This service cannot delete them. */
  | { readonly type: "kept"; readonly reason: KeptReason }
  /** Another job writes them, or another request deletes them: to be tried again soon. */
  | { readonly type: "busy" }
  /** The storage refused or did not answer: may be tried again. */
  | { readonly type: "failed"; readonly reason: KeptReason; readonly error: string };

/** Deletes the delivered file of an ended job, its subtitles and thumbnail, as far as they still belong to it. */
export async function eraseFilesOf(context: RequestContext, job: JobRow): Promise<ErasedFiles> {
  const store = await storeOf(context, job);
  if (typeof store === "string") return { type: "kept", reason: store };
  const now = context.clock();
  const until = now + ERASURE_MS;
  const [held] = await beginErasureQuery(context.db, [job.id], { now, until });
  if (!held) return { type: "busy" };
  const keys = deliveredKeys(held);
  try {
    await Promise.all(keys.map((key) => store.deleteObject(key)));
    return { type: "deleted", objects: keys.length, until };
  } catch (error) {
    await giveUpErasure(context.db, held.id, until);
    return failureOf(error);
  }
}

/**
 * Deletes what a run may have made visible that was lost before it reported its end, unless another job has delivered
 * under the same key since.
 */
export async function eraseUnreported(context: RequestContext, job: JobRow): Promise<ErasedFiles> {
  const { publishing_key: key } = job;
  if (key === null) return { type: "deleted", objects: 0, until: 0 };
  const place = { accountId: job.account_id, storagePlace: job.storage_place, key };
  const [owner] = await findOwnerQuery(context.db, place);
  if (owner) return { type: "deleted", objects: 0, until: 0 };
  const store = await storeOf(context, job);
  if (typeof store === "string") return { type: "kept", reason: store };
  try {
    await store.deleteObject(key);
    return { type: "deleted", objects: 1, until: 0 };
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): ErasedFiles {
  const isRefusal = error instanceof StorageRefusedError && error.status < 500;
  const reason = isRefusal ? "storage_refused" : "storage_down";
  return { type: "failed", reason, error: describeError(error) };
}

/** The storage of a job, or why it cannot be reached. */
async function storeOf(context: RequestContext, job: Place): Promise<Store | KeptReason> {
  if (job.storage_source === "managed") return context.bucket;
  if (job.storage_source === "inline") return "inline_storage";
  const config = await findStorageConfig(context.db, job.account_id);
  if (config?.place !== job.storage_place) return "storage_replaced";
  try {
    const owner = { owner: job.account_id, purpose: "account.storage" } as const;
    return openStorageClient((await openSealed(context, config.sealed, owner)).target, context);
  } catch (error) {
    context.log("storage_unreadable", { job_id: job.id, error: describeError(error) });
    return "storage_unreadable";
  }
}
