import type { ExitStatus } from "../../../schema/api/health.ts";
import { OTHER_SITE } from "../../../schema/telemetry/site.ts";
import type { RequestContext, SiteRuns } from "../../context.ts";
import { allHealthQuery } from "../../db/exits/health-rows.ts";
import { pairOfRow } from "../exits/backoff-memory.ts";
import { FORGET_MS, stateOf } from "../exits/pair-health.ts";
import { lastSuccessOf, rateOf } from "./success-rate.ts";

/** Pairs that are shown; the ones with trouble come first. */
const MAX_SHOWN = 500;
const MAX_READ = 2_000;

/**
 * How each site treats each exit, for the operator: pairs with runs in the last day, and all that are paused or paced.
 *
 * @param hour the runs of the last hour
 */
export async function viewExits(context: RequestContext, hour: readonly SiteRuns[]): Promise<ExitStatus[]> {
  const now = context.clock();
  const [day, rows] = await Promise.all([
    context.siteRuns.readDay(context),
    allHealthQuery(context.db, now - FORGET_MS, MAX_READ),
  ]);
  const health = new Map(rows.map((row) => [keyOf(row), pairOfRow(row)]));
  const pairs = new Map([...[...health.values()], ...day, ...hour].map((pair) => [keyOf(pair), pair]));
  return [...pairs.values()]
    .map(({ site, exit }): ExitStatus => {
      const of = (runs: readonly SiteRuns[]) => runs.filter((row) => row.site === site && row.exit === exit);
      const known = health.get(keyOf({ site, exit }));
      const state = known ? stateOf(known, now) : "closed";
      return {
        site,
        exit,
        state,
        reason: known?.reason ?? null,
        until: state === "open" ? (known?.until ?? null) : null,
        pace_per_minute: known?.pace == null ? null : Math.round(known.pace * 10) / 10,
        success_rate: rateOf(of(hour), "tries"),
        success_rate_24h: rateOf(of(day), "tries"),
        last_success_at: lastSuccessOf([...of(hour), ...of(day)]),
        tries_24h: of(day).reduce((sum, { tries }) => sum + tries, 0),
      };
    })
    .sort((a, b) => rank(a) - rank(b) || a.site.localeCompare(b.site) || a.exit.localeCompare(b.exit))
    .slice(0, MAX_SHOWN);
}

const keyOf = ({ site, exit }: Pick<SiteRuns, "site" | "exit">): string => `${site} ${exit}`;

const rank = ({ state, site }: ExitStatus): number => (state !== "closed" ? 0 : site === OTHER_SITE ? 2 : 1);
