import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { Scope } from "../../context.ts";
import { describeError } from "../../lib/log.ts";
import { sendMessages } from "../../lib/send-messages.ts";

/** A hint that was not followed by a try after this long is sent again, in milliseconds. */
export const NOTICE_GRACE_MS = 30_000;

/** Tells the second queue that notices may be due. A failure is only logged: reconcile sends overdue hints again. */
export async function sendNoticeHints(
  { notices, log }: Pick<Scope, "notices" | "log">,
  deliveryIds: readonly string[],
  delayMs = 0,
): Promise<void> {
  try {
    await sendMessages(
      notices,
      deliveryIds.map((delivery_id) => ({ v: WIRE_VERSION, delivery_id })),
      delayMs,
    );
  } catch (error) {
    log("notice_hints_lost", { deliveries: deliveryIds.length, error: describeError(error) });
  }
}
