/** What a step found: nothing is left of its phase, there is more to do at once, or something has to be waited for. */
export type Step = "done" | "more" | "wait";

/** A step has to be tried again; the message is for the operator. */
export class ErasureDelayedError extends Error {
  override readonly name = "ErasureDelayedError";
}
