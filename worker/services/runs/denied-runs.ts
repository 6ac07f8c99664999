import type { SourceFound } from "../../../schema/wire/callback.ts";
import type { RequestContext } from "../../context.ts";
import { noteDetails } from "../../db/job-queue.ts";
import { findJob, type JobRow, type NewJobRow } from "../../db/job-rows.ts";
import { denialsOf } from "../../db/rights/denial-rows.ts";
import { endByDenial } from "../jobs/cancel.ts";
import { bytesMark, keptMarks, type Mark, marksOfIdentity } from "../rights/marks.ts";
import { marksOfJob } from "../rights/marks-of-job.ts";
import { contactOf } from "../rights/require-allowed.ts";
import { type Claim, leaseLost } from "./claim.ts";

/**
 * Runs whose source turns out to be denied. The Worker decides and ends the job; the processor does not know what is
 * denied. So a denial takes effect on runs that began before it, the list stays with the operator, and a processor of a
 * former version obeys, too: to it, the job is lost.
 */

/**
 * Ends the job of a run whose source the operator denies; else keeps what was found out about it.
 *
 * @throws ApiError `lease_lost`, also for a denied source: the run stops then and publishes nothing
 */
export async function takeSource(
  context: RequestContext,
  { jobId, attempt }: Claim,
  { identity }: SourceFound,
): Promise<void> {
  const found = await marksOfIdentity(identity);
  await refuseDenied(context, { jobId, attempt }, found);
  const job = await findJob(context.db, jobId);
  const { details } = knownMarks(job?.details ?? null, found);
  if (details && !(await noteDetails(context.db, jobId, attempt, details))) throw leaseLost();
}

/** @throws ApiError `lease_lost` after the job was ended, because a source with one of these marks is denied */
export async function refuseDenied(
  context: RequestContext,
  { jobId, attempt }: Claim,
  marks: readonly Mark[],
): Promise<void> {
  // what this isolate remembers may be too old
  const [denial] = (await denialsOf(context.db, marks)).values();
  if (!denial) return;
  const job = await findJob(context.db, jobId);
  if (job?.attempt === attempt) await endByDenial(context, job, contactOf(context, denial));
  throw leaseLost();
}

/** Everything by which what a run is about to publish may be denied, also as another job's file. */
export async function marksToPublish(
  context: RequestContext,
  job: JobRow | undefined,
  known: {
    readonly found: readonly Mark[];
    readonly sha256: string | undefined;
    readonly copyOf: string | undefined;
  },
): Promise<Mark[]> {
  const copied = known.copyOf === undefined ? undefined : await findJob(context.db, known.copyOf);
  const own = await Promise.all([job, copied].map((row) => marksOfJob(context, row)));
  const hashes = [known.sha256, copied?.sha256].flatMap((sha256) => (sha256 ? [bytesMark(sha256)] : []));
  return [...new Set([...own.flat(), ...known.found, ...hashes])];
}

/** The columns that keep what a run found out; nothing if it is known. */
export function knownMarks(details: JobRow["details"], found: readonly Mark[]): Pick<NewJobRow, "details"> {
  if (found.length === 0) return {};
  return { details: { ...details, marks: keptMarks([...new Set([...found, ...(details?.marks ?? [])])]) } };
}
