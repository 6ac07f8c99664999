import type { Job } from "../../schema/api/job.ts";
import type { DeliveredFile } from "./delivered-file.ts";

/** What the demo tells of a delivered job, one fact a line. */
export function reportOf(job: Job, file: DeliveredFile, facts: readonly string[]): string {
  const rows: [string, string][] = [
    ["object key", job.s3_key ?? ""],
    ["size", `${(file.size / 1e6).toFixed(2)} MB (${file.size} bytes)`],
    ["SHA-256", `${file.sha256} (equal to the job's)`],
    ...facts.map((fact, i): [string, string] => [i === 0 ? "ffprobe" : "", fact]),
    ["way", job.download_strategy ?? ""],
    ["timings", timingsOf(job)],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(11)} ${value}`).join("\n");
}

function timingsOf(job: Job): string {
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
