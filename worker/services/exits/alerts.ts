import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import { type HealthRow, noteReported, unreportedHealthQuery } from "../../db/exits/health-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { postEvent } from "../webhooks/post.ts";
import { EVERY_EXIT } from "./backoff-memory.ts";
import { FORGET_MS } from "./pair-health.ts";

/** Changes that one round reports. */
const PAGE = 50;

/**
 * Reports to the operator which sites began or ceased to refuse an exit, or to work at all, since the last time. What is reported is stored, so a
 * change is reported once, whichever isolate wrote it; a message that is not delivered is sent again.
 */
export async function reportStates(context: RequestContext, budget: PageBudget): Promise<number> {
  const { alertUrl } = context.config;
  if (alertUrl === null || budget.isSpent()) return 0;
  const now = context.clock();
  const changed = await unreportedHealthQuery(context.db, now - FORGET_MS, PAGE);
  let reported = 0;
  for (const row of changed) {
    const isOpen = !row.reported_open;
    const event = await postEvent(context, {
      url: alertUrl,
      eventId: `${row.site} ${row.exit} ${row.changed_at}`,
      body: JSON.stringify(bodyOf(row, isOpen, now)),
      secrets: [],
    });
    // the same address takes the others, so it is asked again later
    if (!event.delivered) {
      context.log("alert_failed", { error: event.error });
      break;
    }
    if (await noteReported(context.db, row, isOpen)) reported += 1;
  }
  return reported;
}

function bodyOf(row: HealthRow, isOpen: boolean, now: number) {
  const { site, exit, reason, until, changed_at } = row;
  if (exit === EVERY_EXIT) return bodyOfSite(row, isOpen, now);
  const why = sentenceOf(reason);
  const text = isOpen
    ? `${site} refuses the exit ${exit}${why === null ? "" : ` (${why})`}; it is tried again at ${new Date(until).toISOString()}`
    : `${site} serves the exit ${exit} again`;
  return {
    ...{ v: WIRE_VERSION, type: isOpen ? "exit_opened" : "exit_closed", text },
    ...{ site, exit, reason: isOpen ? reason : null, until: isOpen ? until : null },
    ...{ changed_at, at: now },
  };
}

/** About a site that no version of yt-dlp can read. */
function bodyOfSite({ site, reason, until, changed_at }: HealthRow, isOpen: boolean, now: number) {
  const text = isOpen
    ? `${site} is not working with any version of yt-dlp; it is tried again at ${new Date(until).toISOString()}`
    : `${site} is working again`;
  return {
    ...{ v: WIRE_VERSION, type: isOpen ? "site_failing" : "site_recovered", text },
    ...{ site, reason: isOpen ? reason : null, until: isOpen ? until : null },
    ...{ changed_at, at: now },
  };
}

const sentenceOf = (reason: string | null): string | null =>
  reason === null
    ? null
    : (JOB_ERRORS[reason as JobErrorCode]?.sentence ?? "the proxy does not answer").toLowerCase();
