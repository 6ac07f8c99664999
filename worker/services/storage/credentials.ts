import { AccountStorage } from "../../../schema/api/storage.ts";
import { targetOf } from "../../../schema/storage/target.ts";
import type { StorageTarget } from "../../../schema/wire/run.ts";
import type { RequestContext } from "../../context.ts";
import type { CredentialsRow } from "../../db/credentials.ts";
import type { SealedFor } from "./seal.ts";

/** A caller's storage with opened credentials. It exists only in memory. */
export interface OpenedStorage {
  readonly storage: AccountStorage;
  readonly target: StorageTarget;
}

/** Seals the inline storage of a request for each of its jobs. */
export async function sealForJobs(
  context: RequestContext,
  jobIds: readonly string[],
  storage: AccountStorage,
): Promise<CredentialsRow[]> {
  const text = JSON.stringify(storage);
  const created_at = context.clock();
  return Promise.all(
    jobIds.map(async (job_id) => ({
      job_id,
      created_at,
      ...(await context.sealer.seal(text, { owner: job_id, purpose: "job.storage" })),
    })),
  );
}

/**
 * Opens a sealed storage.
 *
 * @param context the job or account that it was sealed for
 * @throws UnsealError
 */
export async function openSealed(
  { sealer, config }: Pick<RequestContext, "sealer" | "config">,
  sealed: string,
  context: SealedFor,
): Promise<OpenedStorage> {
  const storage = AccountStorage.parse(JSON.parse(await sealer.open(sealed, context)));
  return { storage, target: targetOf(storage, config.allowedPrivateHosts) };
}
