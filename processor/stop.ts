/** Why a run is stopped from outside; the reason of its abort signal. */
export type StopReason =
  /** The job was cancelled, or another run owns it now: publish nothing, report nothing. */
  | "lost"
  /** The processor is going down: the job goes on elsewhere. */
  | "drained";

/** Thrown through a run when it is stopped from outside. */
export class Stopped extends Error {
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(reason === "lost" ? "the run no longer owns its job" : "the processor is going down");
    this.name = "Stopped";
    this.reason = reason;
  }
}
