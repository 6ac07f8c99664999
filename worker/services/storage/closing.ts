import { isFinal } from "../../../schema/states.ts";
import type { Scope } from "../../context.ts";
import type { Companion } from "../../db/companions.ts";
import { eraseCredentials, findCredentials } from "../../db/credentials.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import { describeError } from "../../lib/log.ts";
import { openSealed } from "./credentials.ts";
import { deliveredKeys, linksToKeep } from "./links.ts";
import { openStore } from "./open-store.ts";
import type { ObjectStore } from "./store.ts";

/** What belongs to the end of a job whose storage came with the request. */
export interface StorageClosing {
  readonly set: Partial<NewJobRow>;
  readonly companions: readonly Companion[];
  /** To be called once the end is written; never throws. */
  readonly afterwards: (() => Promise<void>) | null;
}

const NOTHING: StorageClosing = { set: {}, companions: [], afterwards: null };

/** Tries to abort an upload whose credentials are about to be forgotten. */
const ABORT_TRIES = 3;
const ABORT_PAUSE_MS = 500;

/**
 * Whatever ends a job erases its credentials by the same write. What needs them is prepared here while they can
 * still be opened: the links of a delivered file, and the end of an upload that a run left unfinished. That upload is
 * aborted from memory right after the write; should the Worker die in between, nobody can abort it any more and the
 * provider's own rules for unfinished uploads take it away.
 *
 * @param after the columns that the end writes
 */
export async function closeStorage(
  scope: Scope,
  job: JobRow,
  after: Partial<NewJobRow>,
): Promise<StorageClosing> {
  if (job.storage_source !== "inline" || !after.status || !isFinal(after.status)) return NOTHING;
  const companions = [eraseCredentials(job.id)];
  const store = await openStoreOf(scope, job.id);
  if (after.status === "Completed") {
    return { set: store ? await keepLinks(scope, store, job, after) : {}, companions, afterwards: null };
  }
  const { upload_key, upload_ref } = job;
  if (upload_key === null || upload_ref === null) return { ...NOTHING, companions };
  const abort = () => abortFromMemory(scope, store, { jobId: job.id, key: upload_key, ref: upload_ref });
  return { set: { upload_key: null, upload_ref: null }, companions, afterwards: abort };
}

/** Null when the credentials are gone or cannot be opened: the job ends all the same. */
async function openStoreOf(scope: Scope, jobId: string): Promise<ObjectStore | null> {
  const sealed = await findCredentials(scope.db, jobId);
  if (sealed === undefined) return null;
  try {
    return openStore(
      (await openSealed(scope, sealed, { owner: jobId, purpose: "job.storage" })).target,
      scope,
    );
  } catch (error) {
    scope.log("credentials_unreadable", { job_id: jobId, error: describeError(error) });
    return null;
  }
}

async function keepLinks(
  scope: Scope,
  store: ObjectStore,
  job: JobRow,
  after: Partial<NewJobRow>,
): Promise<Partial<NewJobRow>> {
  try {
    return await linksToKeep(scope, store, job.id, deliveredKeys(after as Partial<JobRow>));
  } catch (error) {
    scope.log("links_failed", { job_id: job.id, error: describeError(error) });
    return {};
  }
}

async function abortFromMemory(
  scope: Scope,
  store: ObjectStore | null,
  { jobId, key, ref }: { jobId: string; key: string; ref: string },
): Promise<void> {
  for (let tries = 1; store && tries <= ABORT_TRIES; tries++) {
    try {
      return await store.abortUpload(key, ref);
    } catch (error) {
      scope.log("abort_failed", { job_id: jobId, tries, error: describeError(error) });
      await scope.wait(ABORT_PAUSE_MS * tries);
    }
  }
}
