import { StorageFault } from "../../fault.ts";

/** What is known about an upload whose completion was sent and not confirmed. */
export type CompletionState =
  /** The object exists, and it is this upload's. */
  | "completed"
  /** The upload still exists: it can be completed again. */
  | "unfinished"
  /** The upload is gone, and the object may not be read. */
  | "gone"
  /** There is another object, or none. */
  | "failed"
  /** Neither the object nor the upload may be read. */
  | "hidden";

/** How a completion is sent and looked up. */
export interface Completion {
  /** Sends it, repeated while that makes sense. @param onRetry called before each repetition */
  send(onRetry: () => void): Promise<void>;
  /** Looks it up, with whatever the credentials may read. */
  inspect(): Promise<CompletionState>;
  /** Whether a failure means that the storage no longer knows the upload. */
  isGone(failure: unknown): boolean;
}

/** Rounds of attempts; more would only repeat what the retrier has tried. */
const ROUNDS = 2;

/**
 * Completes an upload even when responses are lost. The result is looked up in whatever the credentials may read (the
 * object, then the list of parts); if that is inconclusive, the upload is completed again.
 *
 * An upload that is gone after its completion was sent counts as completed if nothing may be read. The next run may
 * have aborted it as well, but then this run's report is refused, since its attempt is over.
 *
 * @throws the first failure that the storage is sure of
 */
export async function completeSurely(completion: Completion): Promise<void> {
  let sent = 0;
  for (let round = 1; ; round++) {
    try {
      return await completion.send(() => sent++);
    } catch (failure) {
      const mayBeDone = sent > 0 || round > 1 || isLost(failure);
      if (!mayBeDone) throw failure;
      // the look-up may fail for the same reason; then the failure itself says more
      const state = await completion.inspect().catch((): CompletionState => "failed");
      if (state === "completed" || state === "gone") return;
      if (state === "hidden" && completion.isGone(failure)) return;
      const isRepeated = state === "unfinished" || state === "hidden";
      if (!isRepeated || round === ROUNDS) throw failure;
    }
  }
}

/** There was no response, or none that says how it ended. */
const isLost = (failure: unknown): boolean =>
  failure instanceof StorageFault && (failure.transient === true || !/\(\d{3}\)/.test(failure.detail ?? ""));
