/** Why a run is stopped from outside; the reason of its abort signal. */
export type StopReason =
  /** Another run owns the job now: publish nothing, report nothing, leave alone what it goes on with. */
  | "lost"
  /** The job was cancelled: publish nothing, report nothing, leave nothing. */
  | "cancelled"
  /** The processor is going down: the job goes on elsewhere. */
  | "drained";

const MESSAGES: Record<StopReason, string> = {
  lost: "the run no longer owns its job",
  cancelled: "the job was cancelled",
  drained: "the processor is going down",
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
