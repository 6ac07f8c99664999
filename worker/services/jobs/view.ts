import type { Job } from "../../../schema/api/job.ts";
import { metadataOf } from "../../../schema/api/metadata.ts";
import { WEBHOOK_EVENT_TYPES } from "../../../schema/api/webhook.ts";
import { errorTypeOf } from "../../../schema/errors.ts";
import { isFinal } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { deliveriesOfJobsQuery } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { errorSentence } from "../../lib/error-sentence.ts";
import type { Account } from "../accounts/key-cache.ts";
import { linksOf } from "../storage/links.ts";
import { addressForOwner, urlForOwner, webhookOf } from "../storage/sealed-urls.ts";
import { eventOf } from "../webhooks/body.ts";
import { wantsEvent } from "../webhooks/events.ts";

type Delivery = Awaited<ReturnType<typeof deliveriesOfJobsQuery>>[number];

/** Jobs as their owner sees them, with the state of their webhooks. @param source of the owner's account */
export async function viewJobs(
  context: RequestContext,
  source: Account["source"],
  rows: readonly JobRow[],
): Promise<Job[]> {
  const reported = rows.filter(({ request, status }) => request.webhook_url !== undefined && isFinal(status));
  const ids = reported.map(({ id }) => id);
  const deliveries = ids.length === 0 ? [] : await deliveriesOfJobsQuery(context.db, ids);
  const byJob = new Map(deliveries.map((delivery) => [delivery.job_id, delivery]));
  const marketplace_source = source === "direct" || source === "marketplace" ? null : source;
  return Promise.all(
    rows.map((row) => viewJob(context, row, { marketplace_source, delivery: byJob.get(row.id) })),
  );
}

/** What a job's own row does not say. */
interface OtherFacts extends Pick<Job, "marketplace_source"> {
  /** Of its webhook, if there is one yet. */
  readonly delivery: Delivery | undefined;
}

/**
 * A job as its owner sees it: the echo of the request, the facts, and links signed for this response.
 */
async function viewJob(
  context: RequestContext,
  row: JobRow,
  { delivery, marketplace_source }: OtherFacts,
): Promise<Job> {
  const webhook = webhookOf(row.account_id, row.request.webhook_url, row.sealed_webhook_url);
  const [links, url, webhook_url] = await Promise.all([
    linksOf(context, row),
    urlForOwner(context, row),
    webhook && addressForOwner(context, webhook),
  ]);
  const link = (key: string | null) => (key === null ? null : (links[key] ?? null));
  const { error_code } = row;
  const next_try_at = nextTryAt(row, context.clock());
  return {
    ...row.request,
    ...(row.filename === null ? {} : { filename: row.filename }),
    id: row.id,
    url,
    ...(webhook_url === null ? {} : { webhook_url }),
    status: row.status,
    step: row.step,
    progress: row.progress,
    s3_url: link(row.object_key),
    subtitle_url: link(row.subtitle_key),
    thumbnail_url: link(row.thumbnail_key),
    error: errorSentence(row, next_try_at),
    error_type: error_code && errorTypeOf(error_code),
    error_code,
    title: row.title,
    description: row.description,
    release_date: row.release_date,
    folder: typeof row.request.folder === "string" ? row.request.folder : null,
    batch_id: row.batch_id,
    original_job_id: row.original_job_id,
    subscription_id: typeof row.request.subscription_id === "string" ? row.request.subscription_id : null,
    s3_key: row.object_key,
    file_replaced_by: row.file_replaced_by,
    subtitle_key: row.subtitle_key,
    thumbnail_key: row.thumbnail_key,
    subtitles: (row.subtitles ?? []).map(({ language, key }) => ({ language, key, url: link(key) })),
    storage_provider: row.storage_provider,
    file_size: row.file_size,
    sha256: row.sha256,
    duration: row.duration,
    actual_clip_start: row.clip_start,
    actual_clip_duration: row.clip_duration,
    created_at: row.created_at,
    started_at: row.started_at,
    finished_at: row.finished_at,
    next_try_at,
    expires_at: row.expires_at,
    // to a caller, claims that no processor accepted are not attempts
    attempt: row.attempt - row.refusals,
    download_speed_mbps: megabytesPerSecond(row.download_rate),
    upload_speed_mbps: megabytesPerSecond(row.upload_rate),
    extract_duration_ms: row.extract_ms,
    download_duration_ms: row.download_ms,
    mux_duration_ms: row.mux_ms,
    upload_duration_ms: row.upload_ms,
    precheck_duration_ms: row.precheck_ms,
    subtitle_duration_ms: row.subtitle_ms,
    file_move_ms: row.file_move_ms,
    io_wait_ms: row.io_wait_ms,
    cpu_wait_ms: row.cpu_wait_ms,
    upload_wait_ms: row.upload_wait_ms,
    cascade_total_attempts: row.cascade_attempts,
    total_duration_ms: between(row.created_at, row.finished_at),
    queue_wait_ms: between(row.created_at, row.started_at),
    download_retries: row.download_retries,
    upload_retries: row.upload_retries,
    native_video_codec: row.native_video_codec,
    native_audio_codec: row.native_audio_codec,
    requested_quality: requestedQuality(row.plan),
    actual_quality: row.actual_quality,
    actual_audio_language: row.actual_audio_language,
    audio_languages: row.audio_languages ?? [],
    download_strategy: row.strategy,
    exit: row.details?.exit ?? null,
    copied_from: row.details?.copied_from ?? null,
    tool_versions: row.tool_versions,
    webhook_status: reportsEnd(row) ? (delivery?.status ?? "pending") : "no_webhook",
    webhook_attempts: delivery?.tries ?? 0,
    webhook_last_error: delivery?.last_error ?? null,
    webhook_response_time_ms: delivery?.last_response_ms ?? null,
    marketplace_source,
    metadata: metadataOf(row.request),
    adjustments: row.adjustments,
  };
}

/** Whether the job's end is, or may be, an event that the request asked for. */
function reportsEnd(row: JobRow): boolean {
  const { webhook_url, webhook_events } = row.request;
  if (webhook_url === undefined) return false;
  if (isFinal(row.status)) return wantsEvent(webhook_events, eventOf(row).type);
  return WEBHOOK_EVENT_TYPES.some((type) => type.startsWith("job_") && wantsEvent(webhook_events, type));
}

/** A job without a delay only waits for a free slot. */
const nextTryAt = ({ status, due_at }: JobRow, now: number): number | null =>
  status === "Pending" && due_at !== null && due_at > now ? due_at : null;

/** Plans of older versions have no exact resolution. */
function requestedQuality({ max_resolution, resolution = null }: JobRow["plan"]): string {
  const asked = resolution ?? max_resolution;
  return asked === null ? "best" : `${asked}p`;
}

/** Bytes per second as megabytes per second, to the kilobyte. */
export const megabytesPerSecond = (rate: number | null): number | null =>
  rate === null ? null : Math.round(rate / 1000) / 1000;

const between = (start: number, end: number | null): number | null =>
  end === null ? null : Math.max(0, end - start);
