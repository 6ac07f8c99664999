import { ADDRESS_REFUSALS } from "../../../schema/errors.ts";
import { DIRECT, type ExitResult, SERVED } from "../../../schema/exits.ts";
import type { Outcome } from "../../../schema/wire/callback.ts";
import type { Backoffs, KnownPair, RequestContext } from "../../context.ts";
import { healthOfSiteQuery, writeHealth } from "../../db/exits/health-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { healthKey, mediaKey, siteKeyOfJob } from "./assign-exits.ts";
import { isStored, pairOfRow, rowOfPair } from "./backoff-memory.ts";
import { judgeResults, type Verdict } from "./judge-results.ts";
import { availableAt, refused, served, stateOf } from "./pair-health.ts";

/** What the outcomes of runs do to the health of sites and exits. */

type RunOutcome = Outcome["outcome"];
type EndedRun = Extract<RunOutcome, { type: "completed" | "failed" }>;

const hasEnded = (outcome: RunOutcome): outcome is EndedRun =>
  outcome.type === "completed" || outcome.type === "failed";

/**
 * What a run reports of its exits. A processor of the former version reports nothing; one with proxies of its own that
 * the source has not refused yet says nothing about the source.
 */
export function resultsOf(job: Pick<JobRow, "details">, outcome: RunOutcome): readonly ExitResult[] {
  if (!hasEnded(outcome)) return [];
  const { exit_results = [] } = outcome;
  if (exit_results.length > 0) return exit_results;
  const exit = job.details?.exit ?? DIRECT;
  return [{ exit, result: outcome.type === "completed" ? SERVED : outcome.code, media: false }];
}

/** True while the processor has further proxies of its own: the refusal was about some of its addresses. */
const hasOwnProxies = (outcome: EndedRun): boolean =>
  outcome.type === "failed" && (outcome.other_exits ?? 0) > 0;

/**
 * Statements that write what a run says about its exits, together with its outcome.
 *
 * @param job as it was read just before; the statements take effect if it has not changed since
 */
export async function healthStatements(
  context: RequestContext,
  outcome: RunOutcome,
  job: JobRow | undefined,
): Promise<readonly GuardedStatement[]> {
  if (!job || !hasEnded(outcome)) return [];
  const known = await context.backoffs.read(context);
  const isOwn = known.exits.length === 0;
  if (isOwn && hasOwnProxies(outcome)) return [];
  const results = resultsOf(job, outcome).map((result) => ({
    ...result,
    // proxies of the processor's own are part of its own way
    exit: isOwn ? DIRECT : result.exit,
  }));
  const verdicts = judgeResults(isOwn ? results.slice(-1) : results, (exit) =>
    known.exits.some(({ name, isShared }) => name === exit && isShared),
  );
  const site = siteKeyOfJob(job);
  const keyOf = ({ exit, media }: Verdict) =>
    media ? mediaKey(context, job.runner) : healthKey(context, exit, job.runner);
  const isSerious = verdicts.some(
    (verdict) => verdict.type === "refused" || known.pairOf(site, keyOf(verdict)).strikes > 0,
  );
  // what decides about a breaker is read again; the growth of a pace may be lost
  const fresh = isSerious ? await freshPairs(context, site) : null;
  const askedMs = outcome.type === "failed" ? (outcome.retry_after_ms ?? 0) : 0;
  return verdicts.flatMap((verdict) => {
    const exit = keyOf(verdict);
    const before: KnownPair = { ...(fresh?.get(exit) ?? known.pairOf(site, exit)), site, exit };
    return changeOf(context, before, verdict, askedMs);
  });
}

async function freshPairs({ db }: RequestContext, site: string): Promise<Map<string, KnownPair>> {
  const rows = await healthOfSiteQuery(db, site);
  return new Map(rows.map((row) => [row.exit, pairOfRow(row)]));
}

function changeOf(
  context: RequestContext,
  before: KnownPair,
  { type, reason, isSoft }: Verdict,
  askedMs: number,
): readonly GuardedStatement[] {
  const now = context.clock();
  const changed =
    type === "served"
      ? served(before, now)
      : refused(before, now, { reason: reason ?? "network", askedMs, isSoft });
  if (changed === before) return [];
  const after: KnownPair = { ...before, ...changed };
  const isQuiet = before.version === 0 && type === "served" && after.pace === null;
  if (isQuiet) return [];
  if (!isStored(after)) {
    context.backoffs.keep(after);
    return [];
  }
  context.backoffs.keep({ ...after, version: after.version + 1 });
  if (stateOf(before, now) !== stateOf(after, now)) {
    const { site, exit } = after;
    context.log("exit_state", {
      site,
      exit,
      state: stateOf(after, now),
      why: after.reason,
      until: after.until,
    });
  }
  return [writeHealth(rowOfPair(after, now))];
}

/**
 * Whether a refused job may be tried again soon, because there is an exit that has not refused it and that the site
 * serves.
 */
export function hasOtherExit(
  context: Pick<RequestContext, "clock" | "runner">,
  known: Backoffs,
  job: JobRow,
  outcome: RunOutcome,
): boolean {
  if (outcome.type !== "failed" || !ADDRESS_REFUSALS.includes(outcome.code)) return false;
  if ((outcome.other_exits ?? 0) > 0) return true;
  const tried = new Set(resultsOf(job, outcome).map(({ exit }) => exit));
  const [site, now] = [siteKeyOfJob(job), context.clock()];
  return known.exits.some(({ name }) => {
    if (tried.has(name)) return false;
    const pair = known.pairOf(site, healthKey(context, name, job.runner));
    return stateOf(pair, now) === "closed" && availableAt(pair, now) - now < SOON_MS;
  });
}

/** Waiting this long for the pace of another exit is still soon, in milliseconds. */
const SOON_MS = 60_000;
