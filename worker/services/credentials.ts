import { InlineStorage } from "../../schema/api/storage.ts";
import { targetOf } from "../../schema/storage-target.ts";
import type { StorageTarget } from "../../schema/wire/run.ts";
import type { CredentialsRow } from "../db/credentials.ts";
import type { Scope } from "../services.ts";

/** A caller's storage as it is used: opened, in memory only. */
export interface OpenedStorage {
  readonly storage: InlineStorage;
  readonly target: StorageTarget;
}

/** Seals the storage that came with a request for each of its jobs. */
export async function sealForJobs(
  scope: Scope,
  jobIds: readonly string[],
  storage: InlineStorage,
): Promise<CredentialsRow[]> {
  const text = JSON.stringify(storage);
  const created_at = scope.clock();
  return Promise.all(
    jobIds.map(async (job_id) => ({ job_id, created_at, ...(await scope.sealer.seal(text, job_id)) })),
  );
}

/**
 * Opens a sealed storage.
 *
 * @param owner the id of the job or account that it was sealed for
 * @throws SealBroken
 */
export async function openSealed(
  { sealer, config }: Pick<Scope, "sealer" | "config">,
  sealed: string,
  owner: string,
): Promise<OpenedStorage> {
  const storage = InlineStorage.parse(JSON.parse(await sealer.open(sealed, owner)));
  return { storage, target: targetOf(storage, config.allowedPrivateHosts) };
}
