import type {
  DashboardBatches,
  DashboardBatchesQuery,
  DashboardCluster,
  DashboardDaily,
  DashboardDailyQuery,
  DashboardJobs,
  DashboardJobsQuery,
  DashboardStats,
} from "../../../schema/api/dashboard.ts";
import type { Status } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import {
  listBatchesInShort,
  listJobsInShort,
  readDays,
  readPresent,
  readStats,
} from "../../db/dashboard-rows.ts";
import { notFound } from "../../lib/api-error.ts";
import { errorSentence } from "../../lib/error-sentence.ts";

const DAY_MS = 24 * 60 * 60_000;
const GIGABYTE = 1024 ** 3;

/** The account's figures. @throws ApiError `not_found` */
export async function viewStats(context: RequestContext, accountId: string): Promise<DashboardStats> {
  const stats = await readStats(context.db, accountId, context.clock());
  if (!stats) throw notFound("account");
  const failed = stats.failed + stats.warning;
  const judged = stats.completed + failed;
  return {
    client_name: stats.name,
    total_jobs: stats.endedJobs + stats.pending + stats.processing,
    pending_jobs: stats.pending,
    processing_jobs: stats.processing,
    completed_jobs: stats.completed,
    failed_jobs: failed,
    warning_jobs: stats.warning,
    skipped_jobs: stats.skipped,
    success_rate: judged === 0 ? null : Math.round((stats.completed / judged) * 10_000) / 10_000,
    storage_used_bytes: stats.deliveredBytes,
    storage_used_gb: Math.round((stats.deliveredBytes / GIGABYTE) * 100) / 100,
    avg_processing_time_seconds: seconds(stats.processingMs),
    avg_queue_wait_seconds: seconds(stats.waitMs),
    today_throughput_bytes: stats.bytesToday,
  };
}

/** Rounds to tenths of a second. */
const seconds = (ms: number | null): number | null =>
  ms === null ? null : Math.max(0, Math.round(ms / 100) / 10);

/** A page of the account's jobs in short form. */
export async function viewJobs(
  context: RequestContext,
  accountId: string,
  { status, limit, offset }: DashboardJobsQuery,
): Promise<DashboardJobs> {
  const { rows, total } = await listJobsInShort(context.db, accountId, status, { limit, offset });
  const jobs = rows.map(({ details, ...row }) => ({
    ...row,
    error: errorSentence({ ...row, details }),
  }));
  return { jobs, total, limit, offset };
}

/** A page of the account's batches; their counters are computed from their jobs. */
export async function viewBatches(
  context: RequestContext,
  accountId: string,
  { limit, offset }: DashboardBatchesQuery,
): Promise<DashboardBatches> {
  const { rows, total } = await listBatchesInShort(context.db, accountId, { limit, offset });
  const batches = rows.map(({ counts, total: total_episodes, ...row }) => {
    const by = JSON.parse(counts) as Record<Status, number>;
    return {
      ...row,
      total_episodes,
      completed_episodes: by.Completed,
      failed_episodes: by.Failed + by.Warning,
      skipped_episodes: by.Skipped,
      processing_episodes: by.Processing,
      pending_episodes: by.Pending,
    };
  });
  return { batches, total, limit, offset };
}

/** Jobs that ended on each of the last days, in UTC. */
export async function viewDaily(
  context: RequestContext,
  accountId: string,
  { days }: DashboardDailyQuery,
): Promise<DashboardDaily> {
  const now = context.clock();
  const today = now - (now % DAY_MS);
  const starts = Array.from({ length: days }, (_, index) => today - (days - 1 - index) * DAY_MS);
  const counts = await readDays(context.db, accountId, starts);
  const daily_stats = starts.map((start, index) => ({
    date: new Date(start).toISOString().slice(0, 10),
    ...(counts[index] ?? { completed: 0, failed: 0, skipped: 0, delivered_bytes: 0 }),
  }));
  return { daily_stats };
}

/** What the account's jobs are doing now. Problems of processors are only shown to the operator. */
export async function viewCluster(context: RequestContext, accountId: string): Promise<DashboardCluster> {
  const [present, health] = await Promise.all([readPresent(context.db, accountId), context.runner.health()]);
  return {
    total_downloading: present.downloading,
    total_muxing: present.muxing,
    total_uploading: present.uploading,
    total_pending: present.pending,
    processors: { healthy: health.ok, tools: health.tools ?? null },
  };
}
