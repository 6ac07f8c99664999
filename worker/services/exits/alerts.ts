import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import type { RequestContext } from "../../context.ts";
import { type HealthRow, noteReported, unreportedHealthQuery } from "../../db/exits/health-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { type Alert, sendAlerts } from "../webhooks/alerts.ts";
import { EVERY_EXIT } from "./backoff-memory.ts";
import { FORGET_MS } from "./pair-health.ts";

/** Reports to the operator which sites began or ceased to refuse an exit, or to work at all. */
export const reportStates = (context: RequestContext, budget: PageBudget): Promise<number> =>
  sendAlerts(context, budget, async (now, limit) => {
    const changed = await unreportedHealthQuery(context.db, now - FORGET_MS, limit);
    return changed.map((row) => {
      const isOpen = !row.reported_open;
      return {
        eventId: `${row.site} ${row.exit} ${row.changed_at}`,
        ...(row.exit === EVERY_EXIT ? alertOfSite(row, isOpen) : alertOfExit(row, isOpen)),
        note: () => noteReported(context.db, row, isOpen),
      };
    });
  });

type Message = Omit<Alert, "eventId" | "note">;

function alertOfExit({ site, exit, reason, until, changed_at }: HealthRow, isOpen: boolean): Message {
  const why = sentenceOf(reason);
  return {
    type: isOpen ? "exit_opened" : "exit_closed",
    text: isOpen
      ? `${site} refuses the exit ${exit}${why === null ? "" : ` (${why})`}; it is tried again at ${new Date(until).toISOString()}`
      : `${site} serves the exit ${exit} again`,
    facts: { site, exit, reason: isOpen ? reason : null, until: isOpen ? until : null, changed_at },
  };
}

/** About a site that no version of yt-dlp can read. */
function alertOfSite({ site, reason, until, changed_at }: HealthRow, isOpen: boolean): Message {
  return {
    type: isOpen ? "site_failing" : "site_recovered",
    text: isOpen
      ? `${site} is not working with any version of yt-dlp; it is tried again at ${new Date(until).toISOString()}`
      : `${site} is working again`,
    facts: { site, reason: isOpen ? reason : null, until: isOpen ? until : null, changed_at },
  };
}

const sentenceOf = (reason: string | null): string | null =>
  reason === null
    ? null
    : (JOB_ERRORS[reason as JobErrorCode]?.sentence ?? "the proxy does not answer").toLowerCase();
