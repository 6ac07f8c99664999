import type { Job } from "../../../schema/api/job.ts";
import type { Paint } from "./paint.ts";
import { facts, moment, size } from "./text.ts";

/**
 * What people want to know about a job, one fact per line.
 *
 * @param path where its file was downloaded to
 */
export const jobText = (job: Job, paint?: Paint, path?: string): string =>
  facts(
    [
      ["id", job.id],
      ["url", job.url],
      ["status", `${job.status}, ${job.step}, ${Math.round(job.progress)} %`],
      ["error", job.error],
      ["error code", job.error_code],
      ["next try", moment(job.next_try_at ?? null)],
      ["title", job.title],
      ["object key", job.s3_key],
      ["file replaced by", job.file_replaced_by],
      ["storage", job.storage_provider],
      ["size", size(job.file_size)],
      ["SHA-256", job.sha256],
      ["quality", job.actual_quality],
      ["batch", job.batch_id],
      ["retry of", job.original_job_id],
      ["created", moment(job.created_at)],
      ["finished", moment(job.finished_at)],
      ["expires", moment(job.expires_at)],
      ["timings", timingsOf(job)],
      ...job.adjustments.map((adjustment): [string, string] => ["adjusted", adjustmentText(adjustment)]),
      ["link", job.s3_url],
      ["subtitles", job.subtitle_url],
      ["thumbnail", job.thumbnail_url],
      ["saved as", path],
    ],
    paint,
  );

/** @example "waited 12 ms, download 804 ms, total 1020 ms" */
export function timingsOf(job: Job): string {
  const stages: [string, number | null][] = [
    ["waited", job.queue_wait_ms],
    ["extract", job.extract_duration_ms],
    ["download", job.download_duration_ms],
    ["mux", job.mux_duration_ms],
    ["upload", job.upload_duration_ms],
    ["total", job.total_duration_ms],
  ];
  return stages.flatMap(([name, ms]) => (ms === null ? [] : [`${name} ${ms} ms`])).join(", ");
}

/** @example "video_codec: h264 becomes vp9 (webm holds VP8, VP9 or AV1)" */
export const adjustmentText = ({ field, from, to, reason }: Job["adjustments"][number]): string =>
  `${field}: ${from ?? "nothing"} becomes ${to ?? "nothing"} (${reason})`;
