import type { ServiceStatus, SiteStatus, YtdlpStatus } from "../../../schema/api/health.ts";
import { SITE_NAMES } from "../../../schema/telemetry/site.ts";
import type { RequestContext, SiteRuns } from "../../context.ts";
import { runsByInstanceQuery } from "../../db/exits/backoff-rows.ts";
import type { TrialRow } from "../../db/exits/trial-rows.ts";
import { countDue, oldestDue } from "../../db/job-queue.ts";
import { exitRunsQuery } from "../../db/metrics/statistics.ts";
import { stateOf } from "../exits/pair-health.ts";
import { siteAsWhole } from "../exits/site-breaker.ts";
import { DAY_MS, WINDOW_MS } from "../runs/run-counts.ts";
import { viewExits } from "./exit-status.ts";
import { lastSuccessOf, rateOf, reasonOf } from "./success-rate.ts";

/** Maximum age of an isolate's result, in milliseconds: the route is open to everybody. */
const MEMORY_MS = 15_000;
/** Shares of successful runs from which a site counts as working, or only as impaired. */
const WORKS = 0.9;
const IMPAIRED = 0.5;

/** The same for the last day, of which more rows are read. */
const DAY_MEMORY_MS = 2 * 60_000;

type Reading = Pick<RequestContext, "db" | "clock">;

/** This isolate's copy of how the runs of each site ended lately. */
export class SiteRunsMemory {
  readonly #hour = new Remembered(WINDOW_MS, MEMORY_MS);
  readonly #day = new Remembered(DAY_MS, DAY_MEMORY_MS);

  read(context: Reading): Promise<readonly SiteRuns[]> {
    return this.#hour.read(context);
  }

  readDay(context: Reading): Promise<readonly SiteRuns[]> {
    return this.#day.read(context);
  }
}

/** The runs of a time, read again when they are too old. */
class Remembered {
  readonly #windowMs: number;
  readonly #maxAgeMs: number;
  #known: readonly SiteRuns[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number, maxAgeMs: number) {
    this.#windowMs = windowMs;
    this.#maxAgeMs = maxAgeMs;
  }

  async read({ db, clock }: Reading): Promise<readonly SiteRuns[]> {
    if (clock() - this.#readAt > this.#maxAgeMs) {
      this.#known = await exitRunsQuery(db, clock() - this.#windowMs);
      this.#readAt = clock();
    }
    return this.#known;
  }
}

/** The state of each site in the last hour, ordered by name. @param isOperator also gets numbers and reasons */
export async function viewStatus(context: RequestContext, isOperator: boolean): Promise<ServiceStatus> {
  const [runs, day, known] = await Promise.all([
    context.siteRuns.read(context),
    context.siteRuns.readDay(context),
    context.backoffs.read(context),
  ]);
  const now = context.clock();
  const held = new Map(
    SITE_NAMES.map((site) => siteAsWhole(known, site))
      .filter((whole) => stateOf(whole, now) !== "closed")
      .map(({ site, until }) => [site, until]),
  );
  const names = [...new Set([...runs.map(({ site }) => site), ...held.keys()])].sort();
  const of = (rows: readonly SiteRuns[], name: string) => rows.filter(({ site }) => site === name);
  const sites = names.map((site) =>
    siteStatus(site, {
      ...{ hour: of(runs, site), day: of(day, site), isOperator },
      heldBackUntil: held.get(site) ?? null,
    }),
  );
  const isImpaired = sites.some(({ status }) => status === "impaired" || status === "failing");
  return {
    status: isImpaired ? "impaired" : "ok",
    window_seconds: WINDOW_MS / 1000,
    sites,
    ...(isOperator ? { operator: await operatorPart(context, runs) } : {}),
  };
}

interface SiteFacts {
  /** The runs of the last hour. */
  readonly hour: readonly SiteRuns[];
  readonly day: readonly SiteRuns[];
  /** Null: it is not. */
  readonly heldBackUntil: number | null;
  readonly isOperator: boolean;
}

function siteStatus(site: string, { hour: rows, day, heldBackUntil, isOperator }: SiteFacts): SiteStatus {
  const rate = rateOf(rows, "runs");
  const byOutcome = new Map<string, number>();
  for (const { outcome, runs } of rows) byOutcome.set(outcome, (byOutcome.get(outcome) ?? 0) + runs);
  const isHeldBack = heldBackUntil !== null;
  const status = isHeldBack ? "failing" : statusOf(rate);
  return {
    site,
    status,
    success_rate: rate,
    success_rate_24h: rateOf(day, "runs"),
    last_success_at: lastSuccessOf([...rows, ...day]),
    held_back_until: heldBackUntil,
    reason: isHeldBack
      ? "site_failing"
      : status === "impaired" || status === "failing"
        ? reasonOf(rows)
        : null,
    ...(isOperator
      ? {
          runs: [...byOutcome.values()].reduce((sum, runs) => sum + runs, 0),
          failures: Object.fromEntries(
            [...byOutcome]
              .filter(([outcome, runs]) => outcome !== "completed" && runs > 0)
              .sort((a, b) => b[1] - a[1]),
          ),
        }
      : {}),
  };
}

function statusOf(rate: number | null): SiteStatus["status"] {
  if (rate === null) return "unknown";
  if (rate >= WORKS) return "ok";
  return rate >= IMPAIRED ? "impaired" : "failing";
}

/** What only the operator sees: hosts, queues and instances. */
async function operatorPart(
  context: RequestContext,
  hour: readonly SiteRuns[],
): Promise<NonNullable<ServiceStatus["operator"]>> {
  const { db, clock, config, backoffs } = context;
  const now = clock();
  const [{ sources, storages, trials }, due, oldest, instances, exits] = await Promise.all([
    backoffs.read(context),
    countDue(db, now, config.maxBacklog),
    oldestDue(db, now),
    runsByInstanceQuery(db),
    viewExits(context, hour),
  ]);
  const paused = (known: ReadonlyMap<string, number>) =>
    [...known].filter(([, until]) => until > now).map(([name, until]) => ({ name, until }));
  return {
    paused_sources: paused(sources),
    paused_storages: paused(storages),
    exits,
    ytdlp: trials.map(viewTrial).sort((a, b) => a.site.localeCompare(b.site)),
    jobs_due: due,
    oldest_due_seconds: oldest === null ? null : Math.round((now - oldest) / 1000),
    instances: instances.map(({ runner, runs }) => ({ instance: runner, runs })),
  };
}

const viewTrial = ({ site, version, state, until, changed_at, tries, served }: TrialRow): YtdlpStatus => ({
  ...{ site, version, state, tries, served },
  until: state === "rolled_back" ? until : null,
  changed_at: changed_at === 0 ? null : changed_at,
});
