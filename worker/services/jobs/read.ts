import type { RequestContext } from "../../context.ts";
import { findJobOf, type JobRow } from "../../db/job-rows.ts";
import { notFound } from "../../lib/api-error.ts";

/**
 * A job of this account. A miss at a replica is asked again at the primary, so that a job is found as soon as its
 * id was answered.
 *
 * @throws ApiError `not_found`, alike for unknown jobs and those of others
 */
export async function readJob(context: RequestContext, accountId: string, id: string): Promise<JobRow> {
  const key = id.toLowerCase();
  const row = await findJobOf(context.db, accountId, key);
  if (row) return row;
  const again = context.connection.goToPrimary() ? await findJobOf(context.db, accountId, key) : undefined;
  if (!again) throw notFound();
  return again;
}
