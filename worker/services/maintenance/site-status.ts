import type { ServiceStatus, SiteStatus } from "../../../schema/api/health.ts";
import type { RequestContext, SiteRuns } from "../../context.ts";
import { runsByInstanceQuery } from "../../db/exits/backoff-rows.ts";
import { countDue, oldestDue } from "../../db/job-queue.ts";
import { exitRunsQuery } from "../../db/metrics/statistics.ts";
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
  const [runs, day] = await Promise.all([context.siteRuns.read(context), context.siteRuns.readDay(context)]);
  const names = [...new Set(runs.map(({ site }) => site))].sort();
  const of = (rows: readonly SiteRuns[], name: string) => rows.filter(({ site }) => site === name);
  const sites = names.map((site) => siteStatus(site, of(runs, site), of(day, site), isOperator));
  const isImpaired = sites.some(({ status }) => status === "impaired" || status === "failing");
  return {
    status: isImpaired ? "impaired" : "ok",
    window_seconds: WINDOW_MS / 1000,
    sites,
    ...(isOperator ? { operator: await operatorPart(context, runs) } : {}),
  };
}

function siteStatus(
  site: string,
  rows: readonly SiteRuns[],
  day: readonly SiteRuns[],
  isOperator: boolean,
): SiteStatus {
  const rate = rateOf(rows, "runs");
  const byOutcome = new Map<string, number>();
  for (const { outcome, runs } of rows) byOutcome.set(outcome, (byOutcome.get(outcome) ?? 0) + runs);
  const status = rate === null ? "unknown" : rate >= WORKS ? "ok" : rate >= IMPAIRED ? "impaired" : "failing";
  return {
    site,
    status,
    success_rate: rate,
    success_rate_24h: rateOf(day, "runs"),
    last_success_at: lastSuccessOf([...rows, ...day]),
    reason: status === "impaired" || status === "failing" ? reasonOf(rows) : null,
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

/** What only the operator sees: hosts, queues and instances. */
async function operatorPart(
  context: RequestContext,
  hour: readonly SiteRuns[],
): Promise<NonNullable<ServiceStatus["operator"]>> {
  const { db, clock, config, backoffs } = context;
  const now = clock();
  const [{ sources, storages }, due, oldest, instances, exits] = await Promise.all([
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
    jobs_due: due,
    oldest_due_seconds: oldest === null ? null : Math.round((now - oldest) / 1000),
    instances: instances.map(({ runner, runs }) => ({ instance: runner, runs })),
  };
}
