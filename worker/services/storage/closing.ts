import { isFinal } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { eraseCredentials, findCredentials } from "../../db/credentials.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import { findStorageConfig } from "../../db/storage-configs.ts";
import { describeError } from "../../lib/log.ts";
import { openSealed } from "./credentials.ts";
import { deliveredKeys, hasLastingLinks, linksToKeep } from "./links.ts";
import { openStorageClient } from "./open-store.ts";
import type { SealedFor } from "./seal.ts";
import type { StorageClient } from "./store.ts";

/** The steps that finish a job whose storage can only be asked now. */
export interface StorageFinalization {
  readonly set: Partial<NewJobRow>;
  readonly guardedStatements: readonly GuardedStatement[];
  /** Must be called after the end was written. Never throws. */
  readonly afterwards: (() => Promise<void>) | null;
}

const NOTHING: StorageFinalization = { set: {}, guardedStatements: [], afterwards: null };

/** Tries to abort an upload whose credentials are about to be removed. */
const ABORT_TRIES = 3;
const ABORT_PAUSE_MS = 500;

/**
 * The write that ends a job also erases its credentials. What needs them is prepared here while they can still be
 * opened: the links of a delivered file, and aborting an unfinished upload. That upload is aborted right after the
 * write, with the credentials in memory. If the Worker dies in between, it can no longer be aborted, and the provider's
 * rules for unfinished uploads remove it.
 *
 * @param after the columns that the end writes
 */
export async function finalizeStorage(
  context: RequestContext,
  job: JobRow,
  after: Partial<NewJobRow>,
): Promise<StorageFinalization> {
  if (!after.status || !isFinal(after.status)) return NOTHING;
  if (job.storage_source === "account" && after.status === "Completed") {
    return { ...NOTHING, set: await keepAccountLinks(context, job, after) };
  }
  if (job.storage_source !== "inline") return NOTHING;
  const guardedStatements = [eraseCredentials(job.id)];
  const sealed = await findCredentials(context.db, job.id);
  const owner = { owner: job.id, purpose: "job.storage" } as const;
  const store = sealed === undefined ? null : await openStore(context, job.id, sealed, owner);
  if (after.status === "Completed") {
    return {
      set: store ? await keepLinks(context, store, job, after) : {},
      guardedStatements,
      afterwards: null,
    };
  }
  const { upload_key, upload_ref } = job;
  if (upload_key === null || upload_ref === null) return { ...NOTHING, guardedStatements };
  const abort = () => abortFromMemory(context, store, { jobId: job.id, key: upload_key, ref: upload_ref });
  return { set: { upload_key: null, upload_ref: null }, guardedStatements, afterwards: abort };
}

/** Null if the credentials cannot be opened. The job ends nevertheless. */
async function openStore(
  context: RequestContext,
  jobId: string,
  sealed: string,
  owner: SealedFor,
): Promise<StorageClient | null> {
  try {
    return openStorageClient((await openSealed(context, sealed, owner)).target, context);
  } catch (error) {
    context.log("credentials_unreadable", { job_id: jobId, error: describeError(error) });
    return null;
  }
}

/** Links of Drive take several requests and do not expire: they are made once, and not whenever a job is shown. */
async function keepAccountLinks(
  context: RequestContext,
  job: JobRow,
  after: Partial<NewJobRow>,
): Promise<Partial<NewJobRow>> {
  if (!hasLastingLinks(job)) return {};
  const config = await findStorageConfig(context.db, job.account_id);
  if (config?.place !== job.storage_place) return {};
  const owner = { owner: job.account_id, purpose: "account.storage" } as const;
  const store = await openStore(context, job.id, config.sealed, owner);
  return store ? { ...(await keepLinks(context, store, job, after)), links_expire_at: null } : {};
}

async function keepLinks(
  context: RequestContext,
  store: StorageClient,
  job: JobRow,
  after: Partial<NewJobRow>,
): Promise<Partial<NewJobRow>> {
  try {
    return await linksToKeep(context, store, job.id, deliveredKeys(after as Partial<JobRow>));
  } catch (error) {
    context.log("links_failed", { job_id: job.id, error: describeError(error) });
    return {};
  }
}

async function abortFromMemory(
  context: RequestContext,
  store: StorageClient | null,
  { jobId, key, ref }: { jobId: string; key: string; ref: string },
): Promise<void> {
  for (let tries = 1; store && tries <= ABORT_TRIES; tries++) {
    try {
      return await store.abortUpload(key, ref);
    } catch (error) {
      context.log("abort_failed", { job_id: jobId, tries, error: describeError(error) });
      await context.wait(ABORT_PAUSE_MS * tries);
    }
  }
}
