import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { Backoffs, RequestContext } from "../../context.ts";
import { clearStorage, putOff, strikeStorage } from "../../db/exits/backoff-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import type { StorageConfigForRun } from "../../db/prepared/job-for-run.ts";
import { type Assignment, assignExits, type Reservation, reserveExit } from "../exits/assign-exits.ts";
import { healthStatements } from "../exits/exit-outcomes.ts";
import { DISPATCH_GRACE_MS, sendDispatchMessages } from "../queue/sender.ts";
import { PaceQueue } from "./pace-queue.ts";

/**
 * What a due job's source and storage permit. A source that refuses every exit is left alone for a growing time, so that
 * it does not fail every waiting job: due jobs are postponed, and nothing counts against them. A storage that is down is
 * paused in the same way, for jobs that deliver to the same place. A failure of one party never counts against another.
 */

/** Shorter than for sources: a storage usually recovers soon, and its job's bytes are already fetched. */
const STORAGE_TIMES = { first: 5_000, longest: 15 * 60_000 };
/** Longest pause that a storage may ask for, in milliseconds. */
const LONGEST_ASKED_MS = 60 * 60_000;
const STALE_AFTER_MS = 24 * 60 * 60_000;
/** Postponed jobs return spread over this share of the pause. */
const SPREAD = 0.25;
/** How soon a job looks again for an exit that the operator may be replacing, in milliseconds. */
const NO_EXIT_MS = 60_000;

/** What a job's source and storage permit at present. */
export type Admittance =
  | { readonly type: "put_off" }
  | {
      readonly type: "admitted";
      readonly assignment: Extract<Assignment, { type: "assigned" }>;
      /** Of the run's place at its exit; the caller commits or releases it. */
      readonly reservation: Reservation;
    };

/**
 * Chooses the exits of a due job, or postpones it when its storage is paused or no exit is available.
 *
 * @param config the account's current storage, which jobs with account storage deliver to
 * @param requiredExit see `assignExits`
 */
export async function admit(
  context: RequestContext,
  job: JobRow,
  config: StorageConfigForRun | null,
  requiredExit: string | null = null,
): Promise<Admittance> {
  const now = context.clock();
  const known = await context.backoffs.read(context);
  const storage = known.storages.get(placeNow(job, config)) ?? 0;
  const assignment = assignExits(context, known, job, requiredExit);
  const until = Math.max(storage, untilOf(assignment, now));
  if (until <= now && assignment.type === "assigned") {
    return { type: "admitted", assignment, reservation: reserveExit(context, known, job, assignment) };
  }
  const isPaced = assignment.type === "wait" && assignment.why === "pace" && storage <= now;
  const dueAt = isPaced
    ? PACE_QUEUE.dueAt(now, until, known.exits.length)
    : Math.ceil(until + (until - now) * SPREAD * ((context.random(1)[0] ?? 0) / 255));
  const isFailing = assignment.type === "wait" && assignment.why === "failing";
  const sourceCode: JobErrorCode = isFailing ? "site_failing" : "rate_limited";
  const code = storage > untilOf(assignment, now) ? "upload_failed" : sourceCode;
  if (await putOff(context.db, job, { dueAt, enqueueDueAt: dueAt + DISPATCH_GRACE_MS, code })) {
    const why = assignment.type === "wait" ? assignment.why : assignment.type;
    context.log("put_off", { job_id: job.id, ms: dueAt - now, why: code, exits: why });
    context.defer(sendDispatchMessages(context, [job.id], dueAt - now));
  }
  return { type: "put_off" };
}

function untilOf(assignment: Assignment, now: number): number {
  if (assignment.type === "wait") return assignment.until;
  return assignment.type === "none" ? now + NO_EXIT_MS : 0;
}

const PACE_QUEUE = new PaceQueue();

/**
 * What an outcome does to the health of its source's exits and of its storage; written together with it.
 *
 * @param read the job as it was read just before
 */
export async function backoffStatements(
  context: RequestContext,
  outcome: Outcome["outcome"],
  read: JobRow | undefined,
): Promise<(job: JobRow) => readonly GuardedStatement[]> {
  if (outcome.type !== "completed" && outcome.type !== "failed") return () => [];
  const [known, health] = await Promise.all([
    context.backoffs.read(context),
    healthStatements(context, outcome, read),
  ]);
  return (job) => [...health, ...storageStatements(context, known, job, outcome)];
}

function storageStatements(
  context: RequestContext,
  { storages }: Backoffs,
  job: JobRow,
  outcome: Extract<Outcome["outcome"], { type: "completed" | "failed" }>,
): readonly GuardedStatement[] {
  const place = storagePlaceOf(job);
  if (outcome.type === "completed") {
    if (!storages.has(place)) return [];
    context.backoffs.remove();
    return [clearStorage(place)];
  }
  const { party, retry } = JOB_ERRORS[outcome.code];
  if (party !== "storage" || retry !== "patient" || outcome.transient === false) return [];
  context.backoffs.remove();
  const requested = Math.min(outcome.retry_after_ms ?? 0, LONGEST_ASKED_MS);
  const times = { ...STORAGE_TIMES, requested, forgetAfterMs: STALE_AFTER_MS };
  return [strikeStorage(place, context.clock(), times)];
}

/** Provider, endpoint and bucket in one text. @example "s3 https://s3.example.com/bucket" */
const storagePlaceOf = ({
  storage_provider,
  storage_place,
}: Pick<JobRow, "storage_provider" | "storage_place">): string =>
  `${storage_provider} ${storage_place ?? "managed"}`;

/** The account may have replaced its storage after the job was accepted. */
const placeNow = (job: JobRow, config: StorageConfigForRun | null): string =>
  job.storage_source === "account" && config !== null
    ? storagePlaceOf({ storage_provider: config.provider, storage_place: config.place })
    : storagePlaceOf(job);
