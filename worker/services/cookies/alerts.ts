import { JOB_ERRORS } from "../../../schema/errors.ts";
import type { RequestContext } from "../../context.ts";
import { noteJarReported, unreportedJarsQuery } from "../../db/cookies/jar-rows.ts";
import type { PageBudget } from "../../lib/each-page.ts";
import { sendAlerts } from "../webhooks/alerts.ts";

/** Reports to the operator which of the operator's own cookies became stale; accounts get a webhook event about theirs. */
export const reportStaleJars = (context: RequestContext, budget: PageBudget): Promise<number> =>
  sendAlerts(context, budget, async (_, limit) =>
    (await unreportedJarsQuery(context.db, limit)).map(({ id, site, stale_code: reason, stale_at }) => ({
      eventId: `${site} cookies ${id}`,
      type: "cookies_stale",
      text: `${site} refuses the operator's cookies${reason === null ? "" : ` (${JOB_ERRORS[reason].sentence.toLowerCase()})`}; they are not used until they are replaced`,
      facts: { site, reason, changed_at: stale_at },
      note: () => noteJarReported(context.db, id, context.clock()),
    })),
  );
