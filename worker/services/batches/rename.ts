import type { z } from "zod";
import type { BatchRenames } from "../../../schema/api/batch.ts";
import { Filename } from "../../../schema/api/job-request.ts";
import { isFinal } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { findBatchOf, namesQuery, renameJobs as renameRows } from "../../db/batch-rows.ts";
import { ApiError, illegalState, notFound } from "../../lib/api-error.ts";
import { isBeingListed } from "./list-state.ts";
import { collidingRenames, type Rename } from "./names.ts";

/** Tries in case of concurrent renames. */
const MAX_RACES = 5;

type AskedRenames = z.output<typeof BatchRenames>["renames"];

/**
 * Names files of a paused batch. Each rename succeeds or fails on its own: failures are reported with the
 * reason.
 *
 * @throws ApiError `not_found`; `invalid_request` for a batch that is not paused; `dependency_unavailable` if
 *   concurrent renames interfered with each of several tries
 */
export async function renameJobs(
  context: RequestContext,
  accountId: string,
  id: string,
  asked: AskedRenames,
): Promise<{ updated: number; errors: string[] }> {
  for (let race = 0; race < MAX_RACES; race++) {
    const batch = await findBatchOf(context.db, accountId, id);
    if (!batch) throw notFound("batch");
    if (isBeingListed(batch)) {
      throw illegalState("The list of this batch is still being read. Rename its files when that is done.");
    }
    if (batch.status !== "paused") {
      throw illegalState("Batch is not paused. Only paused batches can be renamed.");
    }
    const { renames, errors } = judge(await namesQuery(context.db, id), asked);
    if (renames.length === 0 || (await renameRows(context.db, batch, renames))) {
      return { updated: renames.length, errors };
    }
  }
  throw new ApiError("dependency_unavailable", { retryAfterSeconds: 1 });
}

function judge(jobs: Awaited<ReturnType<typeof namesQuery>>, asked: AskedRenames) {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const errors: string[] = [];
  const wanted = new Map<string, Rename>();
  for (const { job_id, filename } of asked) {
    const job = byId.get(job_id.toLowerCase());
    const name = Filename.safeParse(filename);
    const fault = !job
      ? "is not a job of this batch"
      : isFinal(job.status)
        ? "has ended"
        : name.success
          ? null
          : `filename ${name.error.issues[0]?.message ?? "is not valid"}`;
    // a text that is not an id is only quoted in part
    if (fault !== null) errors.push(`${job_id.slice(0, 64)}: ${fault}`);
    // a second rename of the same job replaces the first
    else if (job && name.success) wanted.set(job.id, { id: job.id, filename: name.data });
  }
  const names = new Map(jobs.map((job) => [job.id, job.filename]));
  const refused = collidingRenames(names, [...wanted.values()]);
  for (const { id } of refused) errors.push(`${id}: another file of this batch has this name`);
  return { renames: [...wanted.values()].filter((rename) => !refused.has(rename)), errors };
}
