import { JOB_ERRORS, type JobErrorCode } from "../../../schema/errors.ts";
import {
  histogramSamples,
  type MetricFamily,
  type MetricLabels,
  renderFamilies,
  type Sample,
  SECONDS_BUCKETS,
} from "../../../schema/telemetry/prometheus.ts";
import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";
import { pendingDeliveriesQuery } from "../../db/delivery-rows.ts";
import { runsByInstanceQuery } from "../../db/exits/backoff-rows.ts";
import { dueCountQuery, oldestDueQuery } from "../../db/job-queue.ts";
import { type EndCountRow, endCountsQuery } from "../../db/metrics/statistics.ts";
import { endedCountsQuery } from "../../db/retention-rows.ts";
import { VERSION } from "../../lib/version.ts";
import { viewStatus } from "./site-status.ts";

/** Counting pending webhook deliveries stops here. */
const MAX_COUNTED = 10_000;

/**
 * Figures for the operator's monitoring, in Prometheus' text format. Counters are rows of the database, because isolates
 * of the Worker come and go. No query counts all rows.
 */
export async function renderMetrics(context: RequestContext): Promise<string> {
  const { db, clock, config, dispatchQueue, backoffs } = context;
  const now = clock();
  const [bytes, [ends, stored, due, oldest, deliveries, instances], queue, paused, status] =
    await Promise.all([
      ping(db),
      db.batch([
        endCountsQuery(db),
        endedCountsQuery(db),
        dueCountQuery(db, now, config.maxBacklog),
        oldestDueQuery(db, now),
        pendingDeliveriesQuery(db, MAX_COUNTED),
        runsByInstanceQuery(db),
      ]),
      dispatchQueue.metrics().catch(() => null),
      backoffs.read(context),
      viewStatus(context, false),
    ]);
  const pausedNow = (known: ReadonlyMap<string, number>) =>
    [...known.values()].filter((until) => until > now);
  const oldestDueAt = oldest[0]?.due_at ?? now;
  return renderFamilies([
    gauge("waterspout_build_info", "Version of the Worker", [{ labels: { version: VERSION }, value: 1 }]),
    ...endFamilies(ends),
    gauge("waterspout_site_success_ratio", "Share of runs that a site served in the last hour", [
      ...status.sites.flatMap(({ site, success_rate }) =>
        success_rate === null ? [] : [{ labels: { site }, value: success_rate }],
      ),
    ]),
    gauge("waterspout_instance_runs", "Runs in progress, by the processor that has them", [
      ...instances.map(({ runner, runs }) => ({ labels: { instance: runner }, value: runs })),
    ]),
    gauge(
      "waterspout_jobs_due",
      "Jobs that wait for a processor, at most MAX_BACKLOG",
      one(due[0]?.due ?? 0),
    ),
    gauge(
      "waterspout_oldest_due_seconds",
      "For how long the job that waits longest has been due",
      one(Math.max(0, now - oldestDueAt) / 1000),
    ),
    gauge(
      "waterspout_webhook_deliveries_pending",
      `Webhook deliveries that are not made yet, at most ${MAX_COUNTED}`,
      one(deliveries[0]?.pending ?? 0),
    ),
    gauge(
      "waterspout_dispatch_messages",
      "Messages in the dispatch queue",
      queue ? one(queue.backlogCount) : [],
    ),
    gauge("waterspout_sources_paused", "Sources that are left alone", one(pausedNow(paused.sources).length)),
    gauge(
      "waterspout_storages_paused",
      "Storages that are left alone",
      one(pausedNow(paused.storages).length),
    ),
    gauge("waterspout_ytdlp_promoted", "1 where a newer yt-dlp comes first, 0 where it does not", [
      ...paused.trials.map(({ site, version, state }) => ({
        labels: { site, version },
        value: state === "promoted" ? 1 : 0,
      })),
    ]),
    gauge("waterspout_database_bytes", "What the database takes", bytes === null ? [] : one(bytes)),
    gauge("waterspout_jobs_stored", "Ended jobs that the database holds", [
      ...stored.map(({ status: ended, jobs }) => ({ labels: { status: ended }, value: jobs })),
    ]),
  ]);
}

const one = (value: number): Sample[] => [{ value }];

const gauge = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
  ...{ name, type: "gauge", help, samples },
});

const STAGES = ["queue", "extract", "download", "mux", "upload"] as const;

/** Counters and times of ended jobs. */
function endFamilies(ends: readonly EndCountRow[]): MetricFamily[] {
  const delivered = ends.filter(({ outcome }) => outcome === "completed");
  const times = grouped(ends, ({ site, outcome }) => ({ site, result: resultOf(outcome) }));
  const stages = grouped(delivered, ({ site }) => ({ site }));
  return [
    {
      ...{ name: "waterspout_jobs_ended_total", type: "counter", help: "Jobs that ended" },
      samples: ends.map(({ site, storage, outcome, jobs }) => ({
        labels: { site, storage, outcome },
        value: jobs,
      })),
    },
    {
      ...{ name: "waterspout_delivered_bytes_total", type: "counter", help: "Bytes of delivered files" },
      samples: delivered.map(({ site, storage, bytes }) => ({ labels: { site, storage }, value: bytes })),
    },
    {
      ...{ name: "waterspout_job_seconds", type: "histogram", help: "Time from acceptance to end of a job" },
      samples: times.flatMap(({ labels, rows }) =>
        histogramSamples(labels, {
          atMost: SECONDS_BUCKETS.map((bound) => sum(rows, `within_${bound}`)),
          count: sum(rows, "jobs"),
          sum: sum(rows, "seconds"),
        }),
      ),
    },
    {
      ...{ name: "waterspout_stage_seconds", type: "summary", help: "Time of each stage of delivered jobs" },
      samples: stages.flatMap(({ labels, rows }) =>
        STAGES.flatMap((stage): Sample[] => [
          { suffix: "_sum", labels: { ...labels, stage }, value: sum(rows, `${stage}_ms`) / 1000 },
          { suffix: "_count", labels: { ...labels, stage }, value: sum(rows, "jobs") },
        ]),
      ),
    },
  ];
}

/** @example resultOf("private") // "warning" */
const resultOf = (outcome: string): string =>
  outcome === "completed"
    ? outcome
    : (JOB_ERRORS[outcome as JobErrorCode]?.outcome ?? "Failed").toLowerCase();

type SummedColumn = {
  [K in keyof EndCountRow]: EndCountRow[K] extends number ? K : never;
}[keyof EndCountRow];

const sum = (rows: readonly EndCountRow[], name: SummedColumn): number =>
  rows.reduce((total, row) => total + row[name], 0);

interface Group {
  readonly labels: MetricLabels;
  readonly rows: EndCountRow[];
}

/** Rows with the same labels, together. */
function grouped(rows: readonly EndCountRow[], labelsOf: (row: EndCountRow) => MetricLabels): Group[] {
  const groups = new Map<string, Group>();
  for (const row of rows) {
    const labels = labelsOf(row);
    const key = JSON.stringify(labels);
    const group = groups.get(key) ?? { labels, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}
