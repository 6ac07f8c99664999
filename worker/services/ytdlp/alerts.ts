import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import { noteTrialReported, type TrialRow, unreportedTrialsQuery } from "../../db/exits/trial-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { postEvent } from "../webhooks/post.ts";

/** Changes that one round reports. */
const PAGE = 50;

/**
 * Reports to the operator for which sites a newer yt-dlp was promoted or rolled back since the last time, like `reportStates`
 * of the exits.
 */
export async function reportTrials(context: RequestContext, budget: PageBudget): Promise<number> {
  const { alertUrl } = context.config;
  if (alertUrl === null || budget.isSpent()) return 0;
  let reported = 0;
  for (const row of await unreportedTrialsQuery(context.db, PAGE)) {
    const event = await postEvent(context, {
      url: alertUrl,
      eventId: `${row.site} yt-dlp ${row.version} ${row.changed_at}`,
      body: JSON.stringify(bodyOf(row, context.clock())),
      secrets: [],
    });
    // the same address takes the others, so it is asked again later
    if (!event.delivered) {
      context.log("alert_failed", { error: event.error });
      break;
    }
    if (await noteTrialReported(context.db, row)) reported += 1;
  }
  return reported;
}

function bodyOf({ site, version, state, until, changed_at }: TrialRow, now: number) {
  const isPromoted = state === "promoted";
  const text = isPromoted
    ? `yt-dlp ${version} does better than the pinned version at ${site}: it comes first there`
    : `yt-dlp ${version} does worse than the pinned version at ${site}: it is tried again at ${new Date(until).toISOString()}`;
  return {
    ...{ v: WIRE_VERSION, type: isPromoted ? "ytdlp_promoted" : "ytdlp_rolled_back", text },
    ...{ site, version, until: isPromoted ? null : until, changed_at, at: now },
  };
}
