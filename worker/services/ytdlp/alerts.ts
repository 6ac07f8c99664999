import type { RequestContext } from "../../context.ts";
import { noteTrialReported, type TrialRow, unreportedTrialsQuery } from "../../db/exits/trial-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { type Alert, sendAlerts } from "../webhooks/alerts.ts";

/** Reports to the operator for which sites a newer yt-dlp was promoted or rolled back. */
export const reportTrials = (context: RequestContext, budget: PageBudget): Promise<number> =>
  sendAlerts(context, budget, async (_, limit) =>
    (await unreportedTrialsQuery(context.db, limit)).map((row) => ({
      eventId: `${row.site} yt-dlp ${row.version} ${row.changed_at}`,
      ...alertOf(row),
      note: () => noteTrialReported(context.db, row),
    })),
  );

function alertOf({ site, version, state, until, changed_at }: TrialRow): Omit<Alert, "eventId" | "note"> {
  const isPromoted = state === "promoted";
  return {
    type: isPromoted ? "ytdlp_promoted" : "ytdlp_rolled_back",
    text: isPromoted
      ? `yt-dlp ${version} does better than the pinned version at ${site}: it comes first there`
      : `yt-dlp ${version} does worse than the pinned version at ${site}: it is tried again at ${new Date(until).toISOString()}`,
    facts: { site, version, until: isPromoted ? null : until, changed_at },
  };
}
