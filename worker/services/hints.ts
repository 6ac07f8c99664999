import { WIRE_VERSION } from "../../schema/wire/version.ts";
import { describeError } from "../lib/log.ts";
import type { Scope } from "../services.ts";

/** Largest number of messages that the queue takes at once. */
export const HINTS_AT_ONCE = 100;
/** Longest delay of the queue, in seconds. */
const MAX_DELAY_SECONDS = 86_400;

/** A hint that was not answered by a claim after this long is sent again, in milliseconds. */
export const HINT_GRACE_MS = 30_000;

/**
 * Tells the queue that jobs may be runnable. A failure is only logged: reconcile sends overdue hints again.
 *
 * @param delayMs the job is not due before
 */
export async function sendHints(
  { hints, log }: Pick<Scope, "hints" | "log">,
  jobIds: readonly string[],
  delayMs = 0,
): Promise<void> {
  const delaySeconds = Math.min(MAX_DELAY_SECONDS, Math.ceil(delayMs / 1000));
  try {
    for (let start = 0; start < jobIds.length; start += HINTS_AT_ONCE) {
      const messages = jobIds
        .slice(start, start + HINTS_AT_ONCE)
        .map((job_id) => ({ body: { v: WIRE_VERSION, job_id } as const, delaySeconds }));
      await hints.sendBatch(messages);
    }
  } catch (error) {
    log("hints_lost", { jobs: jobIds.length, error: describeError(error) });
  }
}
