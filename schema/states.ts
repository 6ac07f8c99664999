import { ADDRESS_REFUSALS, JOB_ERRORS, type JobErrorCode } from "./errors.ts";

/**
 * The one state machine of a job: a pure function of (state, event). Only the Worker's
 * `transitions` service writes the result; other code may ask what would happen.
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
/** Steps that a run reports. */
export const WORKING_STEPS = ["Downloading", "Muxing", "Uploading"] as const;
export type WorkingStep = (typeof WORKING_STEPS)[number];

/** True for the four statuses that are never left. */
export const isFinal = (status: Status): boolean => (FINAL_STATUSES as readonly Status[]).includes(status);

/** Lost runs (crash, lost processor) after which a job fails; drained runs are not counted. */
export const MAX_INTERRUPTIONS = 5;
/** After this many lost runs, a job runs alone on an instance, so that it cannot harm other runs. */
const INTERRUPTIONS_BEFORE_ALONE = 2;
/** Failures (`backoff`) after which a job fails; `patient` failures have a horizon instead. */
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
/** Longer delays for a source that limits us. */
const SLOW_DELAYS = [MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS, MAX_DELAY_MS] as const;

/** The part of a job that the state machine uses. */
export interface JobState {
  readonly status: Status;
  readonly step: Step;
  /** 0-100; never goes back, not even when a run is repeated. */
  readonly progress: number;
  /** The fence: raised by each claim, never lowered. A report with another number is from a lost run. */
  readonly attempt: number;
  /** Runs that were lost without an outcome, since the job last made progress. */
  readonly interruptions: number;
  /** Tries that ended with a failure that is retried. */
  readonly failures: number;
  /** The run was allowed to publish its object; from here on the job can no longer be cancelled. */
  readonly publishing: boolean;
}

export type JobEvent =
  /** The dispatcher claimed the job for a processor. */
  | { readonly type: "claimed" }
  /** The processor had no free slot or could not be reached: nothing is counted against the job. */
  | { readonly type: "refused" }
  | { readonly type: "progressed"; readonly step: WorkingStep; readonly progress: number }
  /** The run asks for permission to publish its object. */
  | { readonly type: "publishing" }
  /** A scheduled stream: look again at `until` (epoch ms). */
  | { readonly type: "postponed"; readonly until: number }
  | {
      readonly type: "interrupted";
      /** `lost`: a crash or an expired lease; `drained`: the processor shut down in order and handed the job back. */
      readonly cause: "lost" | "drained";
      /** The lost run had made progress that is kept: earlier losses no longer count. */
      readonly gotOn?: boolean | undefined;
    }
  | { readonly type: "completed" }
  | {
      readonly type: "failed";
      readonly code: JobErrorCode;
      readonly retryAfterMs?: number | undefined;
      /** False: waiting for hours does not help, even if the class of the failure suggests it. */
      readonly transient?: boolean | undefined;
      /** The refusal was about one address of several: the next try comes from another, and soon. */
      readonly hasOtherExit?: boolean | undefined;
      /** How much longer a `patient` failure may be retried; absent: as few times as a `backoff`. */
      readonly horizonLeftMs?: number | undefined;
    }
  | { readonly type: "cancelled" }
  /** The operator denies the source. Like a cancellation, it cannot stop a run that was allowed to publish. */
  | { readonly type: "denied" }
  /** It is known before the first run that there is nothing to deliver. */
  | { readonly type: "skipped"; readonly code: JobErrorCode };

/** The next state; `dueInMs` is set when the job becomes pending again, `error` when the event made it fail. */
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
  if (event.type === "cancelled" || event.type === "denied") {
    return state.publishing ? null : finish(state, event.type);
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
  // a job that no instance has room for is not retried
  const isHopeless = retry === "elsewhere" && event.transient === false;
  if (retry === "never" || retry === "once" || isHopeless || isOver) {
    return finish({ ...state, failures }, event.code);
  }
  const isSlow = ADDRESS_REFUSALS.includes(event.code) && event.hasOtherExit !== true;
  const delays = isSlow ? SLOW_DELAYS : DEFAULT_DELAYS;
  const requested = event.hasOtherExit === true ? 0 : (event.retryAfterMs ?? 0);
  const delay = Math.max(delays[failures - 1] ?? MAX_DELAY_MS, requested);
  // the last try happens at the horizon, not before it
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
