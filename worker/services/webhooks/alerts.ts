import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { postEvent } from "./post.ts";

/** A change of state of which the operator is notified. */
export interface Alert {
  /** The same for all tries. */
  readonly eventId: string;
  readonly type: string;
  /** The change in a sentence, which Slack shows. */
  readonly text: string;
  /** Further members of the message. */
  readonly facts: Readonly<Record<string, string | number | null>>;
  /** Stores that the change was reported. @returns false if another caller was faster, or the state has changed again */
  readonly note: () => Promise<boolean>;
}

/** Changes that one round reports. */
const PAGE = 50;

/**
 * Reports changes to `ALERT_WEBHOOK_URL`. What is reported is stored, so a change is reported once, whichever isolate wrote
 * it; a message that is not delivered is sent again in the next round.
 *
 * @param find the changes that were not reported yet; not called where no address is configured
 * @returns how many were reported
 */
export async function sendAlerts(
  context: RequestContext,
  budget: PageBudget,
  find: (now: number, limit: number) => Promise<readonly Alert[]>,
): Promise<number> {
  const { alertUrl } = context.config;
  if (alertUrl === null || budget.isSpent()) return 0;
  const now = context.clock();
  let reported = 0;
  for (const { eventId, type, text, facts, note } of await find(now, PAGE)) {
    const body = JSON.stringify({ v: WIRE_VERSION, type, text, ...facts, at: now });
    const event = await postEvent(context, { url: alertUrl, eventId, body, secrets: [] });
    // the same address takes the others, so it is asked again later
    if (!event.delivered) {
      context.log("alert_failed", { error: event.error });
      break;
    }
    if (await note()) reported += 1;
  }
  return reported;
}
