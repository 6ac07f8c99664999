import { INITIAL_STATE } from "../../schema/states.ts";
import { findJobOf, insertJobs, type NewJobRow } from "../db/job-rows.ts";
import type { Scope } from "../services.ts";
import { sealForJobs } from "./credentials.ts";
import { HINT_GRACE_MS, sendHints } from "./hints.ts";
import type { Account } from "./key-cache.ts";
import type { PreparedJob } from "./prepare-job.ts";
import { placeOf } from "./storage-addresses.ts";
import { allowanceOf, refuseJobs } from "./usage.ts";
import type { VerifiedStorage } from "./verify/verify-storage.ts";

interface AcceptOptions {
  /** Ids that were chosen before, in the order of the jobs; a job that exists already is not made again. */
  readonly ids?: readonly string[];
  readonly originalJobId?: string;
  /** That came with the request, verified. Without it the jobs go to the account's own storage or the managed bucket. */
  readonly storage?: VerifiedStorage | undefined;
}

/**
 * Stores jobs, and the sealed credentials that came with them, by one round trip to the database; their hints are
 * sent after the answer.
 *
 * @returns the ids, in the order of the jobs
 * @throws ApiError `overloaded`, `too_many_jobs` or `quota_exceeded`; nothing is stored then
 * @throws DatabaseError when the database did not answer, not even to the question whether they were stored
 */
export async function acceptJobs(
  scope: Scope,
  account: Account,
  prepared: readonly PreparedJob[],
  { ids: chosen, originalJobId, storage }: AcceptOptions = {},
): Promise<string[]> {
  const now = scope.clock();
  const rows = prepared.map(
    ({ url, echo, plan, adjustments }, index): NewJobRow => ({
      id: chosen?.[index] ?? scope.newId(),
      account_id: account.id,
      batch_id: null,
      original_job_id: originalJobId ?? null,
      url: url.toWellFormed(),
      request: echo,
      plan,
      adjustments: [...adjustments, ...(storage?.adjustments ?? [])],
      storage_source: storage ? "inline" : "managed",
      storage_provider: storage?.target.provider ?? "s3",
      storage_place: storage ? placeOf(storage.target) : null,
      ...INITIAL_STATE,
      refusals: 0,
      revision: 1,
      due_at: now,
      hint_due_at: now + HINT_GRACE_MS,
      created_at: now,
    }),
  );
  const ids = rows.map(({ id }) => id);
  scope.backlog.admit(scope, rows.length);
  const credentials = storage ? await sealForJobs(scope, ids, storage.storage) : [];
  const allowance = allowanceOf(scope, account);
  const areStored = async () => (await findJobOf(scope.db, account.id, ids[0] ?? "")) !== undefined;
  const stored = await insertJobs(scope.db, rows, credentials, allowance).catch(async (error: unknown) => {
    // all were stored or none; an answer that was lost on its way must not make the caller send them again
    if (await areStored()) return rows.length;
    throw error;
  });
  if (allowance && stored < rows.length && !(await areStored())) {
    await refuseJobs(scope, allowance, rows.length);
  }
  scope.defer(sendHints(scope, ids));
  return ids;
}
