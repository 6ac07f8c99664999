import type { Job } from "../../schema/api/job.ts";
import { timingsOf } from "../waterspout/terminal/job-text.ts";
import { facts, size } from "../waterspout/terminal/text.ts";
import type { FetchedFile } from "../waterspout/waiting/fetch-file.ts";

/** What the demo says about a delivered job, one fact per line. */
export const reportOf = (job: Job, file: FetchedFile, probed: readonly string[]): string =>
  facts([
    ["object key", job.s3_key],
    ["size", size(file.size)],
    ["SHA-256", `${file.sha256} (equal to the job's)`],
    ...probed.map((fact, i): [string, string] => [i === 0 ? "ffprobe" : "", fact]),
    ["way", job.download_strategy],
    ["timings", timingsOf(job)],
  ]);
