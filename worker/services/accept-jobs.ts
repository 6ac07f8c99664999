import { INITIAL_STATE } from "../../schema/states.ts";
import { insertJobs, type NewJobRow } from "../db/job-rows.ts";
import type { Scope } from "../services.ts";
import { HINT_GRACE_MS, sendHints } from "./hints.ts";
import type { PreparedJob } from "./prepare-job.ts";

/**
 * Stores jobs by one round trip to the database; their hints are sent after the answer.
 *
 * @returns the ids, in the order of the jobs
 */
export async function acceptJobs(
  scope: Scope,
  accountId: string,
  prepared: readonly PreparedJob[],
  origin: { originalJobId?: string } = {},
): Promise<string[]> {
  const now = scope.clock();
  const rows = prepared.map(
    ({ url, echo, plan, adjustments }): NewJobRow => ({
      id: scope.newId(),
      account_id: accountId,
      batch_id: null,
      original_job_id: origin.originalJobId ?? null,
      url: url.toWellFormed(),
      request: echo,
      plan,
      adjustments,
      storage_provider: "s3",
      ...INITIAL_STATE,
      refusals: 0,
      revision: 1,
      due_at: now,
      hint_due_at: now + HINT_GRACE_MS,
      created_at: now,
    }),
  );
  await insertJobs(scope.db, rows);
  const ids = rows.map(({ id }) => id);
  scope.defer(sendHints(scope, ids));
  return ids;
}
