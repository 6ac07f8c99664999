import { JOB_ERRORS, type JobErrorCode } from "./errors.ts";

/**
 * The one state machine of a job: a pure function of (state, event). The Worker's `transitions` service is its
 * only user that writes; everyone else may ask what would happen.
 */

export const STATUSES = ["Pending", "Processing", "Completed", "Failed", "Warning", "Skipped"] as const;
export const STEPS = [
  "Queued",
  "Waiting",
  "Downloading",
  "Muxing",
  "Uploading",
  "Finished",
  "Cancelled",
] as const;
/** Statuses that never change again. */
export const FINAL_STATUSES = ["Completed", "Failed", "Warning", "Skipped"] as const;

export type Status = (typeof STATUSES)[number];
export type Step = (typeof STEPS)[number];
/** Steps that a run reports while it works. */
export const WORKING_STEPS = ["Downloading", "Muxing", "Uploading"] as const;
export type WorkingStep = (typeof WORKING_STEPS)[number];

/** True for the four statuses that are never left. */
export const isFinal = (status: Status): boolean => (FINAL_STATUSES as readonly Status[]).includes(status);

/** Claims whose run was lost (crash, lost processor) before the job is given up; a drain is not counted. */
export const MAX_INTERRUPTIONS = 5;
/** After so many lost runs a job runs alone on an instance: what it may do to its neighbours, it does to nobody. */
const INTERRUPTIONS_BEFORE_ALONE = 2;
/** Failures that may be tried again (`backoff`) before the job is given up; those of `patient` ones have a horizon. */
export const MAX_FAILURES = 3;

const MINUTE_MS = 60_000;
/** Longest delay between two tries, in milliseconds; a `Retry-After` may ask for more. */
export const MAX_DELAY_MS = 60 * MINUTE_MS;
/** Delays in milliseconds before the second and each further try; the last one repeats. */
const DEFAULT_DELAYS = [
  5_000,
  30_000,
  2 * MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  30 * MINUTE_MS,
  MAX_DELAY_MS,
] as const;
/** A source that limits us wants to be left alone for longer. */
const SLOW_DELAYS = [MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, MAX_DELAY_MS] as const;
const SLOW_CODES: readonly JobErrorCode[] = ["rate_limited", "bot_check"];

/** What the machine knows of a job. */
export interface JobState {
  readonly status: Status;
  readonly step: Step;
  /** 0-100; never goes back, not even when a run is repeated. */
  readonly progress: number;
  /** The fence: raised by each claim, never lowered. A report with another number is from a lost run. */
  readonly attempt: number;
  /** Claims that were lost without a verdict on the job, since it last got on. */
  readonly interruptions: number;
  /** Tries that ended with a failure that may be tried again. */
  readonly failures: number;
  /** The run was allowed to publish its object; from here on the job can no longer be cancelled. */
  readonly publishing: boolean;
}

export type JobEvent =
  /** A dispatcher took the job for a processor. */
  | { readonly type: "claimed" }
  /** The processor had no free slot or could not be reached: nothing is counted against the job. */
  | { readonly type: "refused" }
  | { readonly type: "progressed"; readonly step: WorkingStep; readonly progress: number }
  /** The run asks for leave to make its object visible. */
  | { readonly type: "publishing" }
  /** A scheduled stream: look again at `until` (epoch ms). */
  | { readonly type: "postponed"; readonly until: number }
  | {
      readonly type: "interrupted";
      /** `lost`: a crash or an expired lease; `drained`: the processor went down in order and handed the job back. */
      readonly cause: "lost" | "drained";
      /** The lost run had got on for long, and what it has is kept: former losses count no more. */
      readonly gotOn?: boolean | undefined;
    }
  | { readonly type: "completed" }
  | {
      readonly type: "failed";
      readonly code: JobErrorCode;
      readonly retryAfterMs?: number | undefined;
      /** False: waiting for hours will not help, whatever the class of the failure suggests. */
      readonly transient?: boolean | undefined;
      /** How much longer a `patient` failure may be tried again; none: only the few times of a `backoff`. */
      readonly horizonLeftMs?: number | undefined;
    }
  | { readonly type: "cancelled" }
  /** There is nothing to deliver, as is known before the first run. */
  | { readonly type: "skipped"; readonly code: JobErrorCode };

/** The next state; `dueInMs` is set when the job becomes pending again, `error` when the event ended it badly. */
export interface Move {
  readonly state: JobState;
  readonly dueInMs?: number;
  readonly error?: JobErrorCode;
}

/**
 * The state after an event, or null when the event is not legal there (the caller then changes nothing).
 *
 * @example next({ status: "Completed", … }, { type: "cancelled" }) // null
 */
export function next(state: JobState, event: JobEvent): Move | null {
  if (isFinal(state.status)) return null;
  if (event.type === "claimed") {
    return state.status === "Pending"
      ? move(state, {
          status: "Processing",
          step: "Downloading",
          attempt: state.attempt + 1,
          publishing: false,
        })
      : null;
  }
  if (event.type === "skipped") return isUntouched(state) ? skip(state, event.code) : null;
  if (event.type === "cancelled") {
    return state.publishing ? null : finish(state, "cancelled");
  }
  if (state.status !== "Processing") return null;
  switch (event.type) {
    case "refused":
      return pending(state, {}, 0);
    case "progressed":
      return move(state, {
        step: event.step,
        progress: Math.max(state.progress, clampProgress(event.progress)),
      });
    case "publishing":
      return move(state, { step: "Uploading", publishing: true });
    case "postponed":
      return pending(state, { step: "Waiting" }, 0);
    case "interrupted":
      return event.cause === "drained" ? pending(state, {}, 0) : interrupt(state, event.gotOn === true);
    case "completed":
      return move(state, { status: "Completed", step: "Finished", progress: 100, publishing: false });
    case "failed":
      return fail(state, event);
  }
}

/** True for a job that waits for its first claim. */
const isUntouched = ({ status, attempt }: JobState): boolean => status === "Pending" && attempt === 0;

/** Where a new job starts. */
export const INITIAL_STATE: JobState = {
  status: "Pending",
  step: "Queued",
  progress: 0,
  attempt: 0,
  interruptions: 0,
  failures: 0,
  publishing: false,
};

const move = (state: JobState, change: Partial<JobState>): Move => ({ state: { ...state, ...change } });

function pending(state: JobState, change: Partial<JobState>, dueInMs: number): Move {
  return { state: { ...state, status: "Pending", step: "Queued", publishing: false, ...change }, dueInMs };
}

/** True for a job that lost so many runs that its next one has an instance to itself. */
export const runsAlone = ({ interruptions }: Pick<JobState, "interruptions">): boolean =>
  interruptions >= INTERRUPTIONS_BEFORE_ALONE;

function interrupt(state: JobState, gotOn: boolean): Move {
  const interruptions = gotOn ? 1 : state.interruptions + 1;
  if (interruptions >= MAX_INTERRUPTIONS) return finish({ ...state, interruptions }, "interrupted");
  return pending(state, { interruptions }, 0);
}

function fail(state: JobState, event: Extract<JobEvent, { type: "failed" }>): Move {
  const { retry } = JOB_ERRORS[event.code];
  const failures = state.failures + 1;
  const isPatient = (retry === "patient" || retry === "elsewhere") && event.transient !== false;
  const left = isPatient ? (event.horizonLeftMs ?? 0) : 0;
  const isOver = failures >= MAX_FAILURES && left <= 0;
  // what no instance has room for is not tried again anywhere
  const isHopeless = retry === "elsewhere" && event.transient === false;
  if (retry === "never" || retry === "once" || isHopeless || isOver) {
    return finish({ ...state, failures }, event.code);
  }
  const delays = SLOW_CODES.includes(event.code) ? SLOW_DELAYS : DEFAULT_DELAYS;
  const delay = Math.max(delays[failures - 1] ?? MAX_DELAY_MS, event.retryAfterMs ?? 0);
  // the last try is made at the horizon, not some time before it
  return pending(state, { failures }, left > 0 ? Math.min(delay, left) : delay);
}

function finish(state: JobState, code: JobErrorCode): Move {
  const step = code === "cancelled" ? "Cancelled" : "Finished";
  return { state: { ...state, status: JOB_ERRORS[code].outcome, step, publishing: false }, error: code };
}

const skip = (state: JobState, code: JobErrorCode): Move => ({
  state: { ...state, status: "Skipped", step: "Finished", publishing: false },
  error: code,
});

const clampProgress = (value: number): number => Math.min(100, Math.max(0, Math.round(value)));
