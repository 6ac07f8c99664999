import { OTHER_SITE, siteOf } from "../../../schema/telemetry/site.ts";
import type { Backoffs, KnownPair, RequestContext } from "../../context.ts";
import { healthOfSiteQuery, writeHealth } from "../../db/exits/health-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { EVERY_EXIT, pairOfRow, rowOfPair } from "./backoff-memory.ts";
import { availableAt, newPair, refused, served, stateOf } from "./pair-health.ts";

/**
 * Sites that no version of yt-dlp can read at present. Such a site is held back for all exits, by the same breaker as a pair
 * of site and exit.
 */

/** How all exits of a site do. It has no pace: each exit has its own. */
export function siteAsWhole(known: Backoffs, site: string): KnownPair {
  const pair = known.pairOf(site, EVERY_EXIT);
  return { ...(pair.version === 0 ? { ...newPair(false), version: 0 } : pair), site, exit: EVERY_EXIT };
}

/** Until when a site is held back; a time that has come means that it is not. */
export const siteAvailableAt = (known: Backoffs, site: string, now: number): number =>
  availableAt(siteAsWhole(known, site), now);

/** What a run says of its site as a whole. */
export type SiteVerdict = "served" | "failing" | null;

export interface SiteChange {
  readonly isHeldBack: boolean;
  readonly statements: readonly GuardedStatement[];
}

/**
 * The state of a site after a run, and the statement that writes it. A job counts once, at its first failure: a URL without
 * media would hold back its site otherwise. Hosts that have no name are never held back, because anybody may name any.
 */
export async function siteChange(
  context: RequestContext,
  job: Pick<JobRow, "url" | "media_url" | "failures">,
  verdict: SiteVerdict,
): Promise<SiteChange> {
  const now = context.clock();
  const site = siteOf(job.media_url ?? job.url);
  const isHeldBack = (pair: KnownPair) => stateOf(pair, now) !== "closed";
  const remembered = siteAsWhole(await context.backoffs.read(context), site);
  const isQuiet = verdict === "served" && remembered.strikes === 0 && remembered.faults === 0;
  if (site === OTHER_SITE || verdict === null || isQuiet) {
    return { isHeldBack: isHeldBack(remembered), statements: [] };
  }
  // what decides about a breaker is read again
  const rows = await healthOfSiteQuery(context.db, site);
  const row = rows.find(({ exit }) => exit === EVERY_EXIT);
  const before = row ? pairOfRow(row) : remembered;
  if (verdict === "failing" && job.failures > 0 && !isHeldBack(before)) {
    return { isHeldBack: false, statements: [] };
  }
  const changed =
    verdict === "served"
      ? served(before, now)
      : refused(before, now, { reason: "site_failing", askedMs: 0, isSoft: true });
  if (changed === before) return { isHeldBack: isHeldBack(before), statements: [] };
  const after: KnownPair = { ...before, ...changed, pace: null, ceiling: null };
  context.backoffs.keep({ ...after, version: after.version + 1 });
  if (isHeldBack(before) !== isHeldBack(after)) {
    context.log("site_state", { site, held_back: isHeldBack(after), until: after.until });
  }
  return { isHeldBack: isHeldBack(after), statements: [writeHealth(rowOfPair(after, now))] };
}
