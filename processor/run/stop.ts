/** Why a run is stopped from outside; the reason of its abort signal. */
export type StopReason =
  /** Another run owns the job now: publish nothing, report nothing, keep what the other run may use. */
  | "lost"
  /** The job was cancelled: publish nothing, report nothing, remove everything. */
  | "cancelled"
  /** The processor is shutting down: the job continues elsewhere. */
  | "drained";

const MESSAGES: Record<StopReason, string> = {
  lost: "the run no longer owns its job",
  cancelled: "the job was cancelled",
  drained: "the processor is shutting down",
};

/** Thrown through a run when it is stopped from outside. */
export class StoppedError extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(MESSAGES[reason]);
    this.name = "Stopped";
    this.reason = reason;
  }
}
