import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import {
  INITIAL_STATE,
  isFinal,
  type JobEvent,
  type JobState,
  type Move,
  next,
  type Status,
} from "../../../schema/states.ts";
import { formatTraceparent } from "../../../schema/telemetry/trace-context.ts";
import type { RunHeartbeat } from "../../../schema/wire/callback.ts";
import type { RequestContext } from "../../context.ts";
import { eraseCredentialsOf } from "../../db/credentials.ts";
import type { QueueFilter } from "../../db/fair-queue.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import { type MoveCondition, writeEnds, writeHeartbeats, writeMove, writeMoves } from "../../db/job-moves.ts";
import { findJob, type JobRow, type NewJobRow } from "../../db/job-rows.ts";
import { wakeTwins } from "../../db/reuse/twins.ts";
import { ApiError } from "../../lib/api-error.ts";
import { DISPATCH_GRACE_MS, sendDeliveryMessages, sendDispatchMessages } from "../queue/sender.ts";
import { finalizeStorage } from "../storage/closing.ts";
import { ownerOfEnd } from "../storage/object-owner.ts";
import type { EndDeliveries } from "../webhooks/events.ts";
import { reportsProgress, sendProgress, stagesBetween } from "../webhooks/progress.ts";
import { endOf, endsOf } from "./job-end.ts";

/**
 * The one writer of job state: it reads the job, asks the state machine, and writes the move on condition that the job
 * is still as it was read. Everything that belongs to a move is written with it or not at all.
 */

interface TransitionOptions {
  /** The claim that reports; a job with another attempt is not changed. */
  readonly attempt?: number;
  /** A further condition on the job as it was read. */
  readonly only?: (job: JobRow) => boolean;
  /** Columns in addition to those of the state machine. */
  readonly set?: Partial<NewJobRow> | ((job: JobRow) => Partial<NewJobRow>);
  /** Statements that take effect only together with the move. */
  readonly guardedStatements?: (job: JobRow, move: Move) => readonly GuardedStatement[];
  /** The job, if the caller has just read it; saves reading it again. */
  readonly read?: JobRow;
  /** A claim is made only if no other account of this line comes first. */
  readonly filter?: QueueFilter;
  /** The move is not made if this holds for the job as it was read. */
  readonly unless?: (job: JobRow) => MoveCondition | undefined;
}

/** The result of an event. `job` is the job before it. */
export type Transition =
  | { readonly type: "moved"; readonly job: JobRow; readonly move: Move }
  /** The event is not legal in this state, or the attempt or the condition does not hold. */
  | { readonly type: "refused"; readonly job: JobRow }
  /** Another account comes first, or `unless` holds. */
  | { readonly type: "behind"; readonly job: JobRow }
  | { readonly type: "missing" };

/** Tries in case of concurrent moves of the same job. */
const MAX_RACES = 5;

/**
 * Applies an event to a job. When the job becomes pending again, its dispatch message is sent.
 *
 * @throws ApiError `dependency_unavailable` if concurrent moves interfered with each of several tries
 */
export async function transition(
  context: RequestContext,
  id: string,
  event: JobEvent,
  options: TransitionOptions = {},
): Promise<Transition> {
  let job = options.read ?? (await findJob(context.db, id));
  for (let race = 0; race < MAX_RACES; race++) {
    if (!job) return { type: "missing" };
    const fenced = options.attempt !== undefined && options.attempt !== job.attempt;
    const move = fenced || options.only?.(job) === false ? null : next(job, withHistory(context, job, event));
    if (!move) return { type: "refused", job };
    const set = typeof options.set === "function" ? options.set(job) : options.set;
    const due = dueOf(context.clock(), event, move);
    const end = { ...stateColumns(context, job, event, move, due), ...set };
    const storage = await finalizeStorage(context, job, end);
    const changes = { ...end, ...storage.set };
    const deliveries = deliveriesOf(context, job, changes, move);
    const owner = ownerOfEnd(job, move.state, changes);
    const guardedStatements = [
      ...(options.guardedStatements?.(job, move) ?? []),
      ...storage.guardedStatements,
      ...owner.guardedStatements,
      ...deliveries.guardedStatements,
      ...(endsRun(job, event, move) ? [wakeTwins(id, context.clock())] : []),
    ];
    const { computed } = owner;
    const [filter, unless] = [options.filter, options.unless?.(job)];
    if (await writeMove(context.db, job, changes, { guardedStatements, filter, unless, computed })) {
      if (storage.afterwards) context.defer(storage.afterwards());
      if (due !== null) context.defer(sendDispatchMessages(context, [id], due - context.clock()));
      report(context, job, move, deliveries);
      if (job.batch_id !== null && isFinal(move.state.status)) {
        context.defer(context.batches.ended(job.batch_id, job.id));
      }
      return { type: "moved", job, move };
    }
    const read = job;
    job = await findJob(context.db, id);
    if ((filter || unless) && job?.revision === read.revision) return { type: "behind", job };
  }
  throw new ApiError("dependency_unavailable", { retryAfterSeconds: 1 });
}

/**
 * Applies an event to many jobs that were just read, in one round trip. Jobs that it would end, and jobs whose run was
 * allowed to publish, are left to {@link transition}, because more belongs to their moves. Jobs that changed meanwhile
 * are skipped.
 *
 * @returns how many are pending again, and the jobs that were left
 */
export async function returnToQueue(
  context: RequestContext,
  jobs: readonly JobRow[],
  event: JobEvent,
): Promise<{ moved: number; left: JobRow[] }> {
  const planned = jobs.flatMap((job) => {
    const move = next(job, withHistory(context, job, event));
    return move ? [{ job, move }] : [];
  });
  const isPlain = ({ job, move }: (typeof planned)[number]) =>
    move.state.status === "Pending" && !job.publishing;
  const pending = planned.filter(isPlain);
  const moves = pending.map(({ job, move }) => {
    const due = dueOf(context.clock(), event, move);
    return { read: job, due, changes: stateColumns(context, job, event, move, due) };
  });
  const moved = await writeMoves(context.db, moves);
  if (moved.length > 0) context.defer(sendDispatchMessages(context, moved));
  return {
    moved: moved.length,
    left: planned.filter((plan) => !isPlain(plan)).map(({ job }) => job),
  };
}

/**
 * The state machine's columns of a new job, and the trace that its runs belong to.
 *
 * @param skipped why it ends at once; null if it waits for its first claim
 */
export function birthColumns(
  context: RequestContext,
  skipped: JobErrorCode | null,
): Partial<NewJobRow> & JobState & Pick<NewJobRow, "refusals" | "revision" | "traceparent"> {
  const traceparent = context.trace && formatTraceparent(context.trace);
  const born = { ...INITIAL_STATE, refusals: 0, revision: 1, traceparent };
  const move = skipped && next(INITIAL_STATE, { type: "skipped", code: skipped });
  if (!move) return born;
  return { ...born, ...move.state, ...endColumns(move.state.status, move, context.clock()) };
}

/**
 * Cancels jobs of one batch that were never claimed, with everything that belongs to their ends, in one round trip. Jobs
 * that were claimed meanwhile are left to {@link transition}.
 *
 * @returns how many were cancelled
 */
export async function cancelUntouched(
  context: RequestContext,
  batchId: string,
  jobs: readonly JobRow[],
): Promise<number> {
  const move = next(INITIAL_STATE, { type: "cancelled" });
  if (!move || jobs.length === 0) return 0;
  const changes = { ...stateOf(move.state), ...endColumns(move.state.status, move, context.clock()) };
  const ids = jobs.map(({ id }) => id);
  const { guardedStatements, deliveryIds } = endsOf(
    context,
    jobs.map((job) => ({ ...job, ...changes }) as JobRow),
  );
  const moved = await writeEnds(context.db, { batchId, ids }, changes, [
    ...guardedStatements,
    eraseCredentialsOf(ids),
  ]);
  if (deliveryIds.length > 0) context.defer(sendDeliveryMessages(context, deliveryIds));
  return moved.length;
}

/** Usage and notifications that are written with a move: only for the end of a job. */
function deliveriesOf(
  context: RequestContext,
  job: JobRow,
  changes: Partial<NewJobRow>,
  { state }: Move,
): EndDeliveries {
  if (!isFinal(state.status)) return { guardedStatements: [], deliveryIds: [] };
  return endOf(context, { ...job, ...changes } as JobRow);
}

/** Sends the messages for what was written, and the progress events of stages that were passed. */
function report(context: RequestContext, job: JobRow, { state }: Move, { deliveryIds }: EndDeliveries): void {
  if (deliveryIds.length > 0) context.defer(sendDeliveryMessages(context, deliveryIds));
  const failed = isFinal(state.status) && state.status !== "Completed";
  if (!reportsProgress(job) || failed) return;
  const stages = stagesBetween(job.step, state.step);
  if (stages.length > 0) context.defer(sendProgress(context, job, stages));
}

/** Processes the heartbeat of many runs: extends leases and stores progress. Returns the claims that still stand. */
export async function keepClaims(
  context: RequestContext,
  heartbeats: readonly RunHeartbeat[],
  boot?: string,
): Promise<{ id: string; attempt: number }[]> {
  const { standing, listeners } = await writeHeartbeats(
    context.db,
    heartbeats,
    context.clock() + context.config.leaseMs,
    boot,
  );
  const steps = new Map(heartbeats.map(({ job_id, attempt, step }) => [`${job_id}:${attempt}`, step]));
  for (const job of listeners) {
    const step = job.publishing ? job.step : (steps.get(`${job.id}:${job.attempt}`) ?? job.step);
    const stages = stagesBetween(job.step, step);
    if (stages.length > 0) context.defer(sendProgress(context, job, stages));
  }
  return standing;
}

/** The run of a job that others may wait for ends. A run that no processor took is about to be tried again. */
const endsRun = (job: JobRow, event: JobEvent, { state }: Move): boolean =>
  job.status === "Processing" &&
  state.status !== "Processing" &&
  event.type !== "refused" &&
  job.storage_source !== "inline";

/** When a job that became pending may run; null if it did not become pending. The queue itself retries a refused job's dispatch message. */
function dueOf(now: number, event: JobEvent, move: Move): number | null {
  if (move.state.status !== "Pending" || event.type === "refused") return null;
  if (event.type === "postponed") return Math.max(now, event.until);
  return now + (move.dueInMs ?? 0);
}

/** Adds what the job's row knows: how much longer a failure may be retried, and whether a lost run had made progress. */
function withHistory({ clock, config }: RequestContext, job: JobRow, event: JobEvent): JobEvent {
  if (event.type === "interrupted" && event.cause === "lost") {
    const lastSign = (job.lease_expires_at ?? 0) - config.leaseMs;
    const ranFor = lastSign - (job.claimed_at ?? lastSign);
    return { ...event, gotOn: job.recording_key !== null && ranFor >= LONG_RUN_MS };
  }
  if (event.type !== "failed") return event;
  const asked = job.request.max_retry_hours;
  const hours = typeof asked === "number" ? asked : config.retryHorizonHours;
  const since = job.failing_since ?? clock();
  return { ...event, horizonLeftMs: since + hours * HOUR_MS - clock() };
}

const HOUR_MS = 60 * 60_000;
/** A recording that lasted this long made progress, whatever ended its run. */
const LONG_RUN_MS = 10 * 60_000;

function stateColumns(
  context: RequestContext,
  job: JobRow,
  event: JobEvent,
  move: Move,
  due: number | null,
): Partial<NewJobRow> {
  const now = context.clock();
  const state: JobState = move.state;
  const common = stateOf(state);
  if (state.status === "Processing") {
    const lease = { ...common, lease_expires_at: now + context.config.leaseMs };
    if (event.type !== "claimed") return lease;
    return {
      ...lease,
      claimed_at: now,
      started_at: job.started_at ?? now,
      due_at: null,
      enqueue_due_at: null,
      error_code: null,
      boot: null,
    };
  }
  if (isFinal(state.status)) return { ...common, ...endColumns(state.status, move, now) };
  const refused = event.type === "refused";
  return {
    ...common,
    lease_expires_at: null,
    due_at: due ?? now,
    enqueue_due_at: (due ?? now) + (refused ? REFUSED_DISPATCH_GRACE_MS : DISPATCH_GRACE_MS),
    ...(refused ? { refusals: job.refusals + 1 } : {}),
    ...(goesElsewhere(event) ? { avoid_runner: job.runner } : {}),
    ...(event.type === "failed" ? { error_code: event.code, failing_since: job.failing_since ?? now } : {}),
  };
}

/** Events after which the instance of the last claim is avoided. */
const goesElsewhere = (event: JobEvent): boolean =>
  event.type === "interrupted" || (event.type === "failed" && JOB_ERRORS[event.code].retry === "elsewhere");

/** Only the columns of the state machine. */
const stateOf = (state: JobState): Pick<JobRow, keyof JobState> => ({
  status: state.status,
  step: state.step,
  progress: state.progress,
  attempt: state.attempt,
  interruptions: state.interruptions,
  failures: state.failures,
  publishing: state.publishing,
});

/** A refused job's dispatch message is still in the queue, which redelivers it a few times. */
const REFUSED_DISPATCH_GRACE_MS = 120_000;

function endColumns(status: Status, move: Move, now: number): Partial<NewJobRow> {
  return {
    finished_at: now,
    lease_expires_at: null,
    due_at: null,
    enqueue_due_at: null,
    error_code: move.error ?? null,
    // a published upload has nothing left to abort; any other is aborted by reconcile
    ...(status === "Completed" ? { upload_key: null, upload_ref: null } : {}),
  };
}
