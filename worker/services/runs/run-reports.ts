import { isFinal, type JobEvent, MAX_FAILURES } from "../../../schema/states.ts";
import { stemOf } from "../../../schema/storage/object-key.ts";
import { cutText, MAX_DESCRIPTION } from "../../../schema/text.ts";
import type {
  Delivery,
  Heartbeat,
  HeartbeatResponse,
  Outcome,
  ProcessorStarted,
  PublishRequest,
  RecordingStarted,
  UploadStarted,
} from "../../../schema/wire/callback.ts";
import type { KnownRequest } from "../../../schema/wire/reuse.ts";
import type { DeliveredFile } from "../../../schema/wire/run.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import { eitherOf } from "../../db/fragments.ts";
import { findCancelled, findRunsOfBoot, noteRecording, noteUpload } from "../../db/job-queue.ts";
import { findJob, type JobRow, type NewJobRow } from "../../db/job-rows.ts";
import { isBeingWritten } from "../../db/object-owners.ts";
import { ownsFile } from "../../db/reuse/delivered-files.ts";
import { isDenied } from "../../db/rights/denial-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { jarChanges, type UseOfCookies } from "../cookies/report-use.ts";
import { hasOtherExit } from "../exits/exit-outcomes.ts";
import { type SiteChange, type SiteVerdict, siteChange } from "../exits/site-breaker.ts";
import { keepClaims, transition } from "../jobs/transitions.ts";
import { knownFile, learnedMedia } from "../reuse/delivered-file.ts";
import { marksOfIdentity } from "../rights/marks.ts";
import { placeOf } from "../storage/object-owner.ts";
import { trialChanges } from "../ytdlp/evidence.ts";
import { failedWithBoth } from "../ytdlp/trial.ts";
import { backoffStatements } from "./admittance.ts";
import { runClassOf } from "./capacity.ts";
import { type Claim, leaseLost } from "./claim.ts";
import { knownMarks, marksToPublish, refuseDenied } from "./denied-runs.ts";
import { dispatchDue } from "./dispatcher.ts";
import { takeBackLost } from "./lost-runs.ts";
import { runCounts } from "./run-counts.ts";
import { isRunToken } from "./run-token.ts";

/**
 * Reports of runs. A report counts only while its claim stands. A run that lost its job receives `lease_lost`, and
 * nothing is changed.
 */

/** Extends the leases of a processor's runs and returns which of them must stop. */
export async function takeHeartbeat(
  context: RequestContext,
  { instance, boot, runs }: Heartbeat,
): Promise<HeartbeatResponse> {
  const genuine = await Promise.all(
    runs.map(({ job_id, attempt, token }) =>
      isRunToken(context.config.processorToken, job_id, attempt, token),
    ),
  );
  const trusted = runs.filter((_, index) => genuine[index]);
  const standing = trusted.length === 0 ? [] : await keepClaims(context, trusted, boot);
  if (trusted.length > 0) context.defer(context.runner.keepAwake(instance));
  const stands = new Set(standing.map(({ id, attempt }) => `${id}:${attempt}`));
  const others = trusted.filter(({ job_id, attempt }) => !stands.has(`${job_id}:${attempt}`));
  const cancelled = new Set(
    others.length === 0
      ? []
      : await findCancelled(
          context.db,
          others.map(({ job_id }) => job_id),
        ),
  );
  const verdictOn = (jobId: string, attempt: number) => {
    if (stands.has(`${jobId}:${attempt}`)) return "go_on";
    return cancelled.has(jobId) ? "cancel" : "stop";
  };
  return {
    v: WIRE_VERSION,
    runs: runs.map(({ job_id, attempt }) => ({
      job_id,
      attempt,
      verdict: verdictOn(job_id, attempt),
    })),
  };
}

/**
 * Takes back the runs of a processor's former process and gives the new process work at once. Nothing has to wait for
 * leases to expire, or for dispatch messages that were lost with a stopped stack.
 */
export async function takeStart(
  context: RequestContext,
  { instance, boot }: Pick<Heartbeat, "instance" | "boot">,
  { replaces, free_slots }: ProcessorStarted,
): Promise<void> {
  // only instances of the own pool certainly have unique names
  const pooled = context.config.processor.type === "containers" && boot !== undefined;
  const lost = await findRunsOfBoot(context.db, {
    boot: replaces,
    former: pooled ? { runner: instance, boot } : null,
    limit: LOST_AT_ONCE,
  });
  await takeBackLost(context, lost, () => true);
  context.defer(dispatchDue(context, free_slots));
}

/** Maximum number of runs that one report takes back; a processor has no more slots. */
const LOST_AT_ONCE = 200;

/** Stores the upload that a later run would have to abort. @throws ApiError `lease_lost` */
export async function takeUpload(
  context: RequestContext,
  claim: Claim,
  upload: UploadStarted,
): Promise<void> {
  if (!(await noteUpload(context.db, claim.jobId, claim.attempt, upload))) throw leaseLost();
}

/** Stores where the pieces of a recording will be. @throws ApiError `lease_lost` */
export async function takeRecording(
  context: RequestContext,
  claim: Claim,
  { key }: RecordingStarted,
): Promise<void> {
  if (!(await noteRecording(context.db, claim.jobId, claim.attempt, key))) throw leaseLost();
}

/**
 * Permits publishing the object; from here on the job cannot be cancelled. Asking again gets the same result, because
 * the first response may have been lost. From here on the key belongs to this run: another job that writes it, or a
 * deletion of its former object, happens before or after but never at the same time.
 *
 * A source that is denied is not published, however it was reached: its job ends, and so does the run.
 *
 * @returns `source_lost` if the run copied a file that is no longer the job's that it names; then nothing is permitted
 * @throws ApiError `lease_lost`; `dependency_unavailable` while the key is another's, to be asked again
 */
export async function takePublish(
  context: RequestContext,
  { jobId, attempt }: Claim,
  { copy_of, identity, sha256 }: Pick<PublishRequest, "copy_of" | "identity" | "sha256"> = {},
): Promise<"ok" | "source_lost"> {
  // the copy holds what was there before this question: a job that replaced the file until then has it, or is writing it
  if (copy_of !== undefined && !(await ownsFile(context.db, copy_of, { id: jobId, now: context.clock() }))) {
    return "source_lost";
  }
  const read = await findJob(context.db, jobId);
  const found = await marksOfIdentity(identity);
  const marks = await marksToPublish(context, read, { found, sha256, copyOf: copy_of });
  const asked = await transition(
    context,
    jobId,
    { type: "publishing" },
    {
      attempt,
      ...(read ? { read } : {}),
      set: ({ upload_key, details }) => ({ publishing_key: upload_key, ...knownMarks(details, found) }),
      // what is denied from now on finds these marks in the job
      unless: (job) =>
        job.upload_key === null
          ? isDenied(marks)
          : eitherOf(isDenied(marks), isBeingWritten(jobId, placeOf(job, job.upload_key), context.clock())),
    },
  );
  if (asked.type === "behind") await refuseDenied(context, { jobId, attempt }, marks);
  if (asked.type === "behind") throw new ApiError("dependency_unavailable", { retryAfterSeconds: 1 });
  if (asked.type !== "moved") throw leaseLost();
  return "ok";
}

/** The file of an earlier job for media that a run has found out more about. @throws ApiError `lease_lost` */
export async function takeKnown(
  context: RequestContext,
  { jobId, attempt }: Claim,
  asked: KnownRequest,
): Promise<DeliveredFile | null> {
  const job = await findJob(context.db, jobId);
  if (job?.attempt !== attempt || job.status !== "Processing") throw leaseLost();
  return knownFile(context, jobId, asked);
}

/**
 * Ends a claim. An outcome that the same claim has already reported gets the same response and changes nothing. The
 * slot that became free is filled after the response.
 *
 * @throws ApiError `lease_lost`
 */
export async function takeOutcome(
  context: RequestContext,
  { jobId, attempt }: Claim,
  { outcome, free_slots }: Pick<Outcome, "outcome" | "free_slots">,
): Promise<void> {
  const [read, known] = await Promise.all([findJob(context.db, jobId), context.backoffs.read(context)]);
  const trials = trialChanges(context, known, outcome, read);
  const [backoffs, site, learned, jars] = await Promise.all([
    backoffStatements(context, outcome, read),
    read ? siteChange(context, read, siteVerdictOf(outcome)) : NO_SITE_CHANGE,
    outcome.type === "completed" ? learnedMedia(context, outcome.delivery) : () => [],
    jarChanges(context, usedCookies(outcome)),
  ]);
  const event = await eventOf(context, outcome, read, site.isHeldBack);
  const ended = await transition(context, jobId, event, {
    attempt,
    ...(read ? { read } : {}),
    set: (job) => factsOf(job, outcome),
    guardedStatements: (job) => [
      ...backoffs(job),
      ...site.statements,
      ...trials.statements,
      ...runCounts(context, job, outcome, site.isHeldBack),
      ...learned(job),
      ...jars.statements(job),
    ],
  });
  if (ended.type === "moved") await Promise.all([jars.settle(), trials.settle()]);
  if (ended.type === "moved" && ended.job.runner !== null) {
    context.runner.freed(ended.job.runner, runClassOf(ended.job), free_slots);
    if (ended.job.details?.exit !== undefined) context.backoffs.countRun(ended.job.details.exit, -1);
  }
  context.defer(dispatchDue(context, free_slots));
  if (ended.type === "moved") return;
  if (ended.type === "refused" && isRepeated(ended.job, attempt, outcome)) return;
  throw leaseLost();
}

const NO_SITE_CHANGE: SiteChange = { isHeldBack: false, statements: [] };

/** What the run says of its site as a whole. */
function siteVerdictOf(outcome: Outcome["outcome"]): SiteVerdict {
  if (outcome.type === "completed") return "served";
  return outcome.type === "failed" && failedWithBoth(outcome.ytdlp) ? "failing" : null;
}

async function eventOf(
  context: RequestContext,
  outcome: Outcome["outcome"],
  job: JobRow | undefined,
  isHeldBack: boolean,
): Promise<JobEvent> {
  switch (outcome.type) {
    case "failed":
      // No version could read it. While its site works for others, it is the URL that has no media, after a few tries.
      if (failedWithBoth(outcome.ytdlp) && (isHeldBack || (job?.failures ?? 0) + 1 < MAX_FAILURES)) {
        return { type: "failed", code: "site_failing", transient: isHeldBack };
      }
      return {
        type: "failed",
        code: outcome.code,
        retryAfterMs: outcome.retry_after_ms ?? undefined,
        transient: outcome.transient,
        hasOtherExit:
          job !== undefined && hasOtherExit(context, await context.backoffs.read(context), job, outcome),
      };
    case "postponed":
      return { type: "postponed", until: outcome.until };
    case "interrupted":
      return { type: "interrupted", cause: "drained" };
    case "completed":
      return { type: "completed" };
  }
}

function usedCookies(outcome: Outcome["outcome"]): UseOfCookies {
  if (outcome.type === "completed") return { cookies: outcome.cookies };
  return outcome.type === "failed" ? { cookies: outcome.cookies, code: outcome.code } : {};
}

function factsOf(job: JobRow, outcome: Outcome["outcome"]): Partial<NewJobRow> {
  if (outcome.type === "completed")
    return {
      ...deliveryColumns(job, outcome.delivery),
      tool_versions: outcome.tools,
      ...attemptsOf(job, outcome),
    };
  if (outcome.type === "failed") {
    const { error_subject: _former, ...details } = job.details ?? {};
    const error_subject = outcome.subject ?? undefined;
    return {
      title: titleOf(job, outcome.title),
      ...(outcome.tools ? { tool_versions: outcome.tools } : {}),
      details: { ...details, ...(error_subject === undefined ? {} : { error_subject }) },
      ...attemptsOf(job, outcome),
    };
  }
  return {};
}

/** Each run reports its own. */
const attemptsOf = (
  { cascade_attempts }: JobRow,
  { attempts }: { readonly attempts?: number | undefined },
): Pick<NewJobRow, "cascade_attempts"> =>
  attempts === undefined ? {} : { cascade_attempts: (cascade_attempts ?? 0) + attempts };

function deliveryColumns(job: JobRow, delivery: Delivery): Partial<NewJobRow> {
  const { key, timings, title, description, release_date, adjustments, clip, details, ...others } = delivery;
  const { source: _, ...facts } = others;
  return {
    ...facts,
    ...timings,
    // what the claim knew stands, as far as the run does not know better
    details: { ...job.details, ...details },
    object_key: key,
    object_stem: stemOf(key),
    clip_start: clip?.start ?? null,
    clip_duration: clip?.duration ?? null,
    adjustments: [...job.adjustments, ...adjustments],
    title: titleOf(job, title),
    description: better(
      job,
      job.description,
      description === null ? null : cutText(description, MAX_DESCRIPTION),
    ),
    release_date: better(job, job.release_date, release_date),
  };
}

const titleOf = (job: JobRow, found: string | null): string | null =>
  better(job, job.title, found?.toWellFormed() ?? null);

/** For an open enclosure, the list knows more than the file itself. For everything else the run knows more. */
const better = <T>({ media_url }: JobRow, listed: T | null, found: T | null): T | null =>
  media_url === null ? (found ?? listed) : (listed ?? found);

function isRepeated(job: JobRow, attempt: number, outcome: Outcome["outcome"]): boolean {
  if (job.attempt !== attempt || !isFinal(job.status)) return false;
  if (outcome.type === "completed") return job.status === "Completed";
  return outcome.type === "failed" && [outcome.code, "site_failing"].includes(job.error_code ?? "");
}
