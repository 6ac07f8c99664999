import { z } from "zod";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Id, Time } from "../ids.ts";
import { STATUSES, STEPS } from "../states.ts";
import { ToolVersions } from "../tool-versions.ts";
import { BATCH_KINDS, BATCH_STATUSES } from "./batch.ts";
import { clampedInt } from "./clamped-int.ts";
import { StatusFilter } from "./job.ts";

/** Data of the console. All of it is about the caller's own account. */

const count = z.int().min(0);
const text = z.string().nullable();

/** Maximum that is counted for one status; an account with more jobs is reported with this number. */
export const MAX_COUNTED = 100_000;

/** `GET /dashboard/stats`. */
export const DashboardStats = z
  .object({
    client_name: z.string(),
    total_jobs: count.describe("Finished and unfinished"),
    pending_jobs: count.describe(
      `This and the other counts by status stop at ${MAX_COUNTED.toLocaleString("en")}`,
    ),
    processing_jobs: count,
    completed_jobs: count,
    failed_jobs: count.describe("`Failed` and `Warning`"),
    warning_jobs: count.describe("Part of `failed_jobs`: those that ended because of their content"),
    skipped_jobs: count,
    success_rate: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .describe("Share of completed jobs among those that completed or failed; null before the first"),
    storage_used_bytes: count.describe("Delivered since the account was created"),
    storage_used_gb: z.number().min(0).describe("In units of 1,073,741,824 bytes, rounded to two decimals"),
    avg_processing_time_seconds: z
      .number()
      .min(0)
      .nullable()
      .describe(
        "From the first claim to the end, for jobs completed in the last 24 hours; null if there are none",
      ),
    avg_queue_wait_seconds: z
      .number()
      .min(0)
      .nullable()
      .describe("Time before the first claim, for the same jobs"),
    today_throughput_bytes: count.describe("Delivered since midnight, UTC"),
  })
  .meta({ id: "DashboardStats" });
export type DashboardStats = z.infer<typeof DashboardStats>;

/** Query of `GET /dashboard/jobs`. Numbers out of range are clamped. */
export const DashboardJobsQuery = z.object({
  limit: clampedInt(1, 100, 50),
  offset: clampedInt(0, 1_000_000, 0),
  status: StatusFilter.optional(),
});
export type DashboardJobsQuery = z.infer<typeof DashboardJobsQuery>;

/** A job in a list of many; `GET /jobs/{id}` reports the rest. */
export const DashboardJob = z
  .object({
    id: Id,
    url: z.string(),
    status: z.enum(STATUSES),
    step: z.enum(STEPS),
    progress: z.int().min(0).max(100),
    title: text,
    error: text,
    error_code: z.enum(JOB_ERROR_CODES).nullable(),
    s3_key: text,
    file_size: count.nullable().describe("Bytes"),
    batch_id: Id.nullable(),
    created_at: Time,
    finished_at: Time.nullable(),
  })
  .meta({ id: "DashboardJob" });
export type DashboardJob = z.infer<typeof DashboardJob>;

export const DashboardJobs = z
  .object({
    jobs: z.array(DashboardJob),
    total: count.describe(
      `Number of jobs that match the filter, ${MAX_COUNTED.toLocaleString("en")} at most`,
    ),
    limit: z.int(),
    offset: z.int(),
  })
  .meta({ id: "DashboardJobs" });
export type DashboardJobs = z.infer<typeof DashboardJobs>;

/** Query of `GET /dashboard/batches`. Numbers out of range are clamped. */
export const DashboardBatchesQuery = z.object({
  limit: clampedInt(1, 50, 20),
  offset: clampedInt(0, 1_000_000, 0),
});
export type DashboardBatchesQuery = z.infer<typeof DashboardBatchesQuery>;

export const DashboardBatch = z
  .object({
    id: Id,
    kind: z.enum(BATCH_KINDS),
    show_url: text.describe("Null for a bulk request"),
    title: text,
    folder: text,
    status: z.enum(BATCH_STATUSES),
    total_episodes: count,
    completed_episodes: count,
    failed_episodes: count.describe("`Failed` and `Warning`"),
    skipped_episodes: count,
    processing_episodes: count,
    pending_episodes: count,
    created_at: Time,
    finished_at: Time.nullable(),
  })
  .meta({ id: "DashboardBatch" });
export type DashboardBatch = z.infer<typeof DashboardBatch>;

export const DashboardBatches = z
  .object({
    batches: z.array(DashboardBatch),
    total: count.describe(`${MAX_COUNTED.toLocaleString("en")} at most`),
    limit: z.int(),
    offset: z.int(),
  })
  .meta({ id: "DashboardBatches" });
export type DashboardBatches = z.infer<typeof DashboardBatches>;

/** Query of `GET /dashboard/daily`. */
export const DashboardDailyQuery = z.object({
  days: clampedInt(1, 90, 7).describe("Days up to today, 1 to 90"),
});
export type DashboardDailyQuery = z.infer<typeof DashboardDailyQuery>;

export const DashboardDaily = z
  .object({
    daily_stats: z
      .array(
        z.object({
          date: z.iso.date().describe("UTC"),
          completed: count,
          failed: count.describe("`Failed` and `Warning`"),
          skipped: count,
          delivered_bytes: count,
        }),
      )
      .describe("By the day on which jobs ended, oldest first; days without jobs are included"),
  })
  .meta({ id: "DashboardDaily" });
export type DashboardDaily = z.infer<typeof DashboardDaily>;

const unixTime = z.int().min(0).optional().describe("Unix seconds");
const day = z.string().optional().meta({ example: "Nov 15, 2026" });

/** `GET /dashboard/billing`: the current billing period, if the operator set one for the account. */
export const DashboardBilling = z
  .object({
    billing_enabled: z.boolean(),
    message: z.string().optional().describe("Why there is no billing period"),
    period_start: unixTime,
    period_end: unixTime.describe("Unix seconds; belongs to the next period"),
    total_usage_gb: z
      .number()
      .min(0)
      .optional()
      .describe("Delivered in the period, in units of 1,073,741,824 bytes, rounded to two decimals"),
    period_start_formatted: day,
    period_end_formatted: day,
  })
  .meta({ id: "DashboardBilling" });
export type DashboardBilling = z.infer<typeof DashboardBilling>;

/** `GET /dashboard/cluster`. */
export const DashboardCluster = z
  .object({
    total_downloading: count.describe("Jobs of this account that are downloading now"),
    total_muxing: count,
    total_uploading: count,
    total_pending: count.describe(
      `Waiting jobs of this account, ${MAX_COUNTED.toLocaleString("en")} at most`,
    ),
    processors: z.object({
      healthy: z.boolean(),
      tools: ToolVersions.nullable().describe("Null while no processor is running"),
    }),
  })
  .meta({ id: "DashboardCluster" });
export type DashboardCluster = z.infer<typeof DashboardCluster>;
