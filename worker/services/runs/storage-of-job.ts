import { DEFAULT_BASE_FOLDER } from "../../../schema/api/storage.ts";
import type { RunRequest, StorageTarget } from "../../../schema/wire/run.ts";
import type { RequestContext } from "../../context.ts";
import { storagePrefixOf } from "../../db/account-rows.ts";
import type { JobRow, NewJobRow } from "../../db/job-rows.ts";
import type { StorageConfigForRun } from "../../db/prepared/job-for-run.ts";
import { openSealed } from "../storage/credentials.ts";
import { type SealedFor, UnsealError } from "../storage/seal.ts";

/** Where a run delivers to. */
export interface RunStorage {
  readonly target: StorageTarget;
  readonly key_prefix: Pick<RunRequest["key_prefix"], "base_folder" | "folder_prefix">;
  /** The job's columns that record the place. The account may have replaced its storage after the job was accepted. */
  readonly columns: Pick<NewJobRow, "storage_provider" | "storage_place">;
  /** False if the objects of an earlier run are in another place. */
  readonly samePlace: boolean;
}

/** The folder of all keys of an account in the managed bucket. @example "newsroom/videos" */
export const managedFolder = (account: Parameters<typeof storagePrefixOf>[0]): string =>
  `${storagePrefixOf(account)}/${DEFAULT_BASE_FOLDER}`;

/** What the database stores about a job's storage. */
interface SealedStorage {
  /** Sent with the job. */
  readonly credentials: string | null;
  /** The account's own. */
  readonly config: StorageConfigForRun | null;
  /** The account's prefix; null if it is the account's id. */
  readonly storage_prefix: string | null;
}

/**
 * Opens the storage of a job.
 *
 * @throws UnsealError if it is gone or cannot be opened
 */
export async function storageOfJob(
  context: RequestContext,
  job: JobRow,
  { credentials, config, storage_prefix }: SealedStorage,
): Promise<RunStorage> {
  const { storage_source, storage_provider, storage_place, account_id } = job;
  switch (storage_source) {
    case "managed":
      return {
        target: context.bucket.target,
        key_prefix: { base_folder: managedFolder({ id: account_id, storage_prefix }) },
        columns: { storage_provider, storage_place },
        samePlace: true,
      };
    case "inline":
      if (credentials === null) throw new UnsealError("the job's credentials are gone");
      return opened(
        context,
        credentials,
        { owner: job.id, purpose: "job.storage" },
        { storage_provider, storage_place },
        true,
      );
    case "account": {
      if (config === null) throw new UnsealError("the account has no storage any more");
      const columns = { storage_provider: config.provider, storage_place: config.place };
      return opened(
        context,
        config.sealed,
        { owner: account_id, purpose: "account.storage" },
        columns,
        config.place === storage_place,
      );
    }
  }
}

async function opened(
  requestContext: RequestContext,
  sealed: string,
  context: SealedFor,
  columns: RunStorage["columns"],
  samePlace: boolean,
): Promise<RunStorage> {
  const { storage, target } = await openSealed(requestContext, sealed, context);
  const { base_folder = DEFAULT_BASE_FOLDER, folder_prefix } = storage;
  return {
    target,
    key_prefix: { base_folder, ...(folder_prefix === undefined ? {} : { folder_prefix }) },
    columns,
    samePlace,
  };
}
