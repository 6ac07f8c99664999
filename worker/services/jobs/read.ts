import type { RequestContext } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { notFound } from "../../lib/api-error.ts";

/**
 * A job of this account. If a replica does not have it, the primary is asked, so that a job is found as soon as its id
 * was returned.
 *
 * @throws ApiError `not_found`, the same for unknown jobs and those of other accounts
 */
export async function readJob(context: RequestContext, accountId: string, id: string): Promise<JobRow> {
  const key = id.toLowerCase();
  const row = await findJobOf(context.db, accountId, key);
  if (row) return row;
  const again = context.connection.goToPrimary() ? await findJobOf(context.db, accountId, key) : undefined;
  if (!again) throw notFound("job");
  return again;
}
