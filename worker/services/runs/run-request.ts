import type { Limits } from "../../../schema/api/account.ts";
import { JobRequest, MAX_RECORDING_SECONDS } from "../../../schema/api/job-request.ts";
import { runsAlone } from "../../../schema/states.ts";
import type { CookieUse } from "../../../schema/wire/cookies.ts";
import type { Predecessor, RunRequest } from "../../../schema/wire/run.ts";
import { WIRE_VERSION } from "../../../schema/wire/version.ts";
import type { RequestContext } from "../../context.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { maxFilesizeOf } from "../accounts/usage.ts";
import type { SourceUrls } from "../storage/sealed-urls.ts";
import { runToken } from "./run-token.ts";
import type { RunStorage } from "./storage-of-job.ts";

/** How long a stream that has not begun is waited for, counted from the acceptance of its job. */
const LONGEST_WAIT_MS = 24 * 60 * 60_000;

/** What a run needs in addition to the job's row. */
export interface OpenedJob extends Pick<RunRequest, "exits" | "reuse" | "ytdlp"> {
  readonly urls: SourceUrls;
  readonly storage: RunStorage;
  readonly cookies: CookieUse;
  readonly limits: Limits | null;
  /** See `RunRequest`. */
  readonly reportsSource: boolean;
}

/** Everything that a processor needs to know about a job. */
export async function runOf(
  context: RequestContext,
  job: JobRow,
  attempt: number,
  { urls, storage, cookies, limits, reuse, exits, reportsSource, ytdlp }: OpenedJob,
): Promise<RunRequest> {
  const request = JobRequest.parse({ ...job.request, url: urls.url });
  return {
    v: WIRE_VERSION,
    job_id: job.id,
    attempt,
    token: await runToken(context.config.processorToken, job.id, attempt),
    url: urls.media_url ?? urls.url,
    plan: job.plan,
    adjustments: job.adjustments,
    filename: job.filename ?? request.filename ?? null,
    key_prefix: {
      ...storage.key_prefix,
      ...(request.folder === undefined ? {} : { folder: request.folder }),
    },
    subtitles: request.download_subtitles ? { languages: request.subtitle_languages ?? ["en"] } : null,
    thumbnail: request.download_thumbnail ?? false,
    limits: {
      max_filesize_bytes: maxFilesizeOf(limits, job.reserved_bytes),
      max_duration_seconds: limits?.max_duration_seconds ?? null,
    },
    target: storage.target,
    predecessor: predecessorOf(job, storage),
    wait: request.wait_for_video ? { since: job.created_at, until: job.created_at + LONGEST_WAIT_MS } : null,
    ...(reuse === undefined ? {} : { reuse }),
    batch: job.batch_id !== null,
    alone: runsAlone(job),
    exits,
    ytdlp,
    cookies,
    ...(reportsSource ? { reports_source: true } : {}),
    recording: {
      asked: request.live_recording ?? false,
      from_start: request.live_from_start ?? false,
      max_seconds: request.max_duration ?? MAX_RECORDING_SECONDS,
      ...(job.recording_key !== null && storage.samePlace ? { key: job.recording_key } : {}),
    },
  };
}

function predecessorOf(job: JobRow, { samePlace }: RunStorage): Predecessor | null {
  const { claimed_at, created_at, started_at, upload_key, upload_ref } = job;
  const named = upload_key !== null && upload_ref !== null ? { key: upload_key, ref: upload_ref } : null;
  const upload = samePlace ? named : null;
  if (claimed_at === null && upload === null) return null;
  // an earlier run may have begun an upload that the runs after it could not abort
  return { claimed_at: started_at ?? claimed_at ?? created_at, upload };
}
