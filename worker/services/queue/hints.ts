import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { Scope } from "../../context.ts";
import { describeError } from "../../lib/log.ts";
import { sendMessages } from "../../lib/send-messages.ts";

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
  try {
    const sends = await sendMessages(
      hints,
      jobIds.map((job_id) => ({ v: WIRE_VERSION, job_id })),
      delayMs,
    );
    // what single jobs cost the queue is known
    if (jobIds.length > 1) log("hints_sent", { jobs: jobIds.length, sends });
  } catch (error) {
    log("hints_lost", { jobs: jobIds.length, error: describeError(error) });
  }
}
