import type { ServiceStatus, SiteStatus } from "../../../schema/api/health.ts";
import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import type { RequestContext, SiteRuns } from "../../context.ts";
import { runsByInstanceQuery } from "../../db/exits/backoff-rows.ts";
import { countDue, oldestDue } from "../../db/job-queue.ts";
import { exitRunsQuery } from "../../db/metrics/statistics.ts";
import { DAY_MS, WINDOW_MS } from "../runs/run-counts.ts";

/** Maximum age of an isolate's result, in milliseconds: the route is open to everybody. */
const MEMORY_MS = 15_000;
/** With fewer runs, no statement is made. */
const MIN_RUNS = 5;
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
  const runs = await context.siteRuns.read(context);
  const names = [...new Set(runs.map(({ site }) => site))].sort();
  const sites = names.map((site) =>
    siteStatus(
      site,
      runs.filter((row) => row.site === site),
      isOperator,
    ),
  );
  const isImpaired = sites.some(({ status }) => status === "impaired" || status === "failing");
  return {
    status: isImpaired ? "impaired" : "ok",
    window_seconds: WINDOW_MS / 1000,
    sites,
    ...(isOperator ? { operator: await operatorPart(context) } : {}),
  };
}

/** True for failures that speak against the site, not against the media, the request or this service. */
export const isSiteFailure = (outcome: string): boolean => {
  const { party, retry } = JOB_ERRORS[outcome as JobErrorCode] ?? {};
  return party === "source" && retry !== "never";
};

function siteStatus(site: string, rows: readonly SiteRuns[], isOperator: boolean): SiteStatus {
  const sumOf = (which: (outcome: string) => boolean) =>
    rows.filter(({ outcome }) => which(outcome)).reduce((sum, { runs }) => sum + runs, 0);
  const failed = sumOf(isSiteFailure);
  // the response to private or removed media is correct
  const judged = sumOf((outcome) => outcome === "completed" || isContentVerdict(outcome)) + failed;
  const rate = judged < MIN_RUNS ? null : Math.round(((judged - failed) / judged) * 100) / 100;
  return {
    site,
    status: rate === null ? "unknown" : rate >= WORKS ? "ok" : rate >= IMPAIRED ? "impaired" : "failing",
    success_rate: rate,
    ...(isOperator
      ? {
          runs: sumOf(() => true),
          failures: Object.fromEntries(
            rows
              .filter(({ outcome }) => outcome !== "completed")
              .sort((a, b) => b.runs - a.runs)
              .map(({ outcome, runs }) => [outcome, runs]),
          ),
        }
      : {}),
  };
}

const isContentVerdict = (outcome: string): boolean =>
  JOB_ERRORS[outcome as JobErrorCode]?.outcome === "Warning";

/** What only the operator sees: hosts, queues and instances. */
async function operatorPart(context: RequestContext): Promise<NonNullable<ServiceStatus["operator"]>> {
  const { db, clock, config, backoffs } = context;
  const now = clock();
  const [{ sources, storages }, due, oldest, instances] = await Promise.all([
    backoffs.read(context),
    countDue(db, now, config.maxBacklog),
    oldestDue(db, now),
    runsByInstanceQuery(db),
  ]);
  const paused = (known: ReadonlyMap<string, number>) =>
    [...known].filter(([, until]) => until > now).map(([name, until]) => ({ name, until }));
  return {
    paused_sources: paused(sources),
    paused_storages: paused(storages),
    jobs_due: due,
    oldest_due_seconds: oldest === null ? null : Math.round((now - oldest) / 1000),
    instances: instances.map(({ runner, runs }) => ({ instance: runner, runs })),
  };
}
