import type { JobErrorCode } from "../../../schema/errors.ts";
import { SECONDS_BUCKETS } from "../../../schema/telemetry/prometheus.ts";
import { siteOf } from "../../../schema/telemetry/site.ts";
import type { JobRow } from "../../db/job-rows.ts";
import type { CountedEnd } from "../../db/metrics/statistics.ts";

/** How a job or a run ended, as statistics name it. */
export type CountedOutcome = "completed" | JobErrorCode;

/** The site of a job's URL as its caller knows it: an episode of a show counts for the show's site. */
export const siteOfJob = ({ url }: Pick<JobRow, "url">): string => siteOf(url);

type EndedJob = Pick<JobRow, "id" | "url" | "storage_source" | "storage_provider" | "created_at"> &
  Partial<
    Pick<
      JobRow,
      "error_code" | "file_size" | "started_at" | "extract_ms" | "download_ms" | "mux_ms" | "upload_ms"
    >
  >;

/**
 * What a job adds to the counters.
 *
 * @param job as it is after the move that ends it
 * @param now epoch milliseconds
 */
export function countedEnd(job: EndedJob, now: number): CountedEnd {
  const outcome: CountedOutcome = job.error_code ?? "completed";
  const isDelivered = outcome === "completed";
  const seconds = Math.max(0, now - job.created_at) / 1000;
  const within = Object.fromEntries(
    SECONDS_BUCKETS.map((bound) => [`within_${bound}`, Number(seconds <= bound)]),
  ) as Pick<CountedEnd, `within_${(typeof SECONDS_BUCKETS)[number]}`>;
  const ms = (value: number | null | undefined) => (isDelivered ? Math.round(value ?? 0) : 0);
  return {
    id: job.id,
    site: siteOfJob(job),
    storage: job.storage_source === "managed" ? "managed" : job.storage_provider,
    outcome,
    jobs: 1,
    bytes: isDelivered ? (job.file_size ?? 0) : 0,
    seconds,
    ...within,
    queue_ms: ms((job.started_at ?? now) - job.created_at),
    extract_ms: ms(job.extract_ms),
    download_ms: ms(job.download_ms),
    mux_ms: ms(job.mux_ms),
    upload_ms: ms(job.upload_ms),
  };
}
