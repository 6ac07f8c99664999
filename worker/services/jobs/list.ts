import type { JobListQuery } from "../../../schema/api/job.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/job-rows.ts";
import type { Account } from "../accounts/key-cache.ts";
import { viewJobs } from "./view.ts";

/** A page of an account's jobs, newest first. The cursor is the last id of a page, so new jobs do not shift pages. */
export async function listJobs(
  context: RequestContext,
  { id: accountId, source }: Account,
  query: JobListQuery,
) {
  const { limit, offset, status, batch_id, metadata, cursor } = query;
  const found = await rows.listJobs(
    context.db,
    { accountId, status, batchId: batch_id?.toLowerCase(), metadata },
    { limit, offset, cursor: cursor?.toLowerCase() },
  );
  const page = found.rows.slice(0, limit);
  return {
    jobs: await viewJobs(context, source, page),
    total: found.total,
    limit,
    offset,
    next_cursor: found.rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}
