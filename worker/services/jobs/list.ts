import type { JobListQuery } from "../../../schema/api/job.ts";
import { Id } from "../../../schema/ids.ts";
import type { RequestContext } from "../../context.ts";
import * as rows from "../../db/job-rows.ts";
import { jobByIdQuery, searchJobs } from "../../db/search/search-jobs.ts";
import type { Account } from "../accounts/key-cache.ts";
import { viewJobs } from "./view.ts";

/** A page of an account's jobs, newest first. The cursor is the last id of a page, so new jobs do not shift pages. */
export async function listJobs(
  context: RequestContext,
  { id: accountId, source }: Account,
  { limit, offset, status, batch_id, metadata, cursor, search }: JobListQuery,
) {
  const filter = { accountId, status, batchId: batch_id?.toLowerCase(), metadata };
  const page = { limit, offset, cursor: cursor?.toLowerCase() };
  const found =
    search === undefined
      ? await listed(context, filter, page)
      : await searched(context, filter, page, search);
  return {
    jobs: await viewJobs(context, source, found.jobs),
    total: found.total,
    limit,
    offset,
    next_cursor: found.next_cursor,
  };
}

interface Page {
  readonly jobs: rows.JobRow[];
  readonly total: number;
  readonly next_cursor: string | null;
}

async function listed({ db }: RequestContext, filter: rows.JobFilter, page: rows.JobPage): Promise<Page> {
  const found = await rows.listJobs(db, filter, page);
  return { ...pageOf(found.rows, page.limit, null), total: found.total };
}

/** Counting all matches would read all jobs: a search counts those of its page. */
async function searched(
  { db }: RequestContext,
  filter: rows.JobFilter,
  page: rows.JobPage,
  search: string,
): Promise<Page> {
  const id = Id.safeParse(search);
  if (id.success) {
    const jobs = await jobByIdQuery(db, filter, id.data.toLowerCase());
    return { jobs, total: jobs.length, next_cursor: null };
  }
  const { rows: found, oldest } = await searchJobs(db, filter, { words: wordsOf(search) }, page);
  const result = pageOf(found, page.limit, oldest);
  return { ...result, total: result.jobs.length };
}

/** @param oldest where the next page begins if this one holds all that was found */
function pageOf(found: rows.JobRow[], limit: number, oldest: string | null): Omit<Page, "total"> {
  const jobs = found.slice(0, limit);
  return { jobs, next_cursor: found.length > limit ? (jobs.at(-1)?.id ?? null) : oldest };
}

/** Words beyond these would hardly find less. */
const MAX_WORDS = 10;

const wordsOf = (search: string): string[] => [...new Set(search.split(/\s+/))].slice(0, MAX_WORDS);
