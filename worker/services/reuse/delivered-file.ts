import type { Delivery } from "../../../schema/wire/callback.ts";
import type { KnownRequest } from "../../../schema/wire/reuse.ts";
import type { DeliveredFile } from "../../../schema/wire/run.ts";
import type { RequestContext } from "../../context.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { findFile, findKnown, learnMedia } from "../../db/reuse/delivered-files.ts";
import type { CopyTerms } from "../../db/reuse/reuse-of-job.ts";
import { namedSource } from "./identity.ts";

/** Files of earlier jobs that a run may copy instead of fetching their media again. */

const HOUR_MS = 60 * 60_000;

/** When files may be copied; null if they never are. */
export function copyTerms({ config, clock }: Pick<RequestContext, "config" | "clock">): CopyTerms | null {
  if (config.reuseHours === 0) return null;
  const now = clock();
  return { now, recentSince: now - config.reuseHours * HOUR_MS };
}

/** The file of a job as a run gets it; null if some of it is gone. @param id as a query for files that may be copied found it */
export async function deliveredFile(
  context: RequestContext,
  id: string,
  terms: CopyTerms,
): Promise<DeliveredFile | null> {
  const found = await findFile(context.db, id);
  if (!found?.facts || found.fetched_at === null) return null;
  const { job, facts, fetched_at } = found;
  const { object_key, file_size, sha256, strategy, subtitles, thumbnail_key, details } = job;
  const extras = (subtitles?.length ?? 0) + (thumbnail_key === null ? 0 : 1);
  // a job with the same name may have replaced them
  if (object_key === null || file_size === null || extras !== facts.extras) return null;
  const unknown = null;
  const delivery: Delivery = {
    ...{ key: object_key, subtitle_key: job.subtitle_key, thumbnail_key, subtitles: subtitles ?? [] },
    ...{ file_size, sha256, duration: job.duration, title: job.title, description: job.description },
    clip: job.clip_start === null ? null : { start: job.clip_start, duration: job.clip_duration },
    ...{ release_date: job.release_date, native_video_codec: job.native_video_codec },
    ...{ native_audio_codec: job.native_audio_codec, actual_quality: job.actual_quality },
    ...{ actual_audio_language: job.actual_audio_language, audio_languages: job.audio_languages ?? [] },
    ...{ strategy: strategy ?? "copy", details: details ?? {}, source: facts.source },
    adjustments: [...facts.adjustments],
    timings: {
      ...{ extract_ms: unknown, download_ms: unknown, mux_ms: unknown, upload_ms: unknown },
      ...{ precheck_ms: unknown, subtitle_ms: unknown, file_move_ms: unknown },
      ...{ io_wait_ms: unknown, cpu_wait_ms: unknown, upload_wait_ms: unknown },
    },
    ...{ download_rate: null, upload_rate: null, download_retries: 0, upload_retries: 0 },
  };
  return { job_id: job.id, delivery, recent: fetched_at > terms.recentSince };
}

/** The file for a media item that a run knows by its site's name, or by the SHA-256 that its source states. */
export async function knownFile(
  context: RequestContext,
  jobId: string,
  { media, sha256 }: Pick<KnownRequest, "media" | "sha256">,
): Promise<DeliveredFile | null> {
  const terms = copyTerms(context);
  const [kind, name] = media === null ? (["bytes", sha256] as const) : (["media", media] as const);
  if (terms === null || name === null) return null;
  const source = await namedSource(context, kind, name);
  const id = await findKnown(context.db, { jobId, source }, terms);
  return id === null ? null : deliveredFile(context, id, terms);
}

/** What is written with the end of a job, so that later jobs find its file. */
export async function learnedMedia(
  context: RequestContext,
  { source, strategy, sha256, adjustments, subtitles, thumbnail_key, details }: Delivery,
): Promise<(job: Pick<JobRow, "id">) => readonly GuardedStatement[]> {
  if (source === undefined || context.config.reuseHours === 0) return () => [];
  const named = async (kind: "media" | "bytes", name: string | null) =>
    name === null ? [] : [{ kind, source: await namedSource(context, kind, name) }];
  const others = [
    ...(await named("media", source.media)),
    // only what stayed as it was at its source has its bytes
    ...(await named("bytes", strategy === "ranges" ? sha256 : null)),
  ];
  const facts = {
    ...{ source, adjustments },
    extras: subtitles.length + (thumbnail_key === null ? 0 : 1),
  };
  const copiedFrom = details.copied_from ?? null;
  return ({ id }) => [learnMedia(id, { facts, others, copiedFrom, now: context.clock() })];
}
