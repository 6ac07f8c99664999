import { metadataOf } from "../../../schema/api/metadata.ts";
import { MAX_EVENT_BYTES, type WebhookEvent } from "../../../schema/api/webhook.ts";
import { utf8 } from "../../../schema/bytes.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { errorSentence } from "../../lib/error-sentence.ts";

/** The event of a job's end. */
export type JobEvent = Extract<WebhookEvent, { type: `job_${string}` }>;

/**
 * The event of a job that has just ended. Its links are added when it is sent, and so is the description, which is long
 * and only stored with the job.
 */
export function eventOf(job: JobRow): JobEvent {
  const { id: job_id, url } = job;
  const error_code = job.error_code ?? "internal";
  const error = errorSentence({ ...job, error_code }) ?? "";
  const metadata = metadataOf(job.request);
  switch (job.status) {
    case "Completed":
      return {
        type: "job_completed",
        job_id,
        status: "completed",
        url,
        key: job.object_key,
        folder: typeof job.request.folder === "string" ? job.request.folder : null,
        title: job.title,
        description: null,
        release_date: job.release_date,
        subtitle_key: job.subtitle_key,
        thumbnail_key: job.thumbnail_key,
        file_size: job.file_size,
        sha256: job.sha256,
        s3_url: null,
        file_replaced_by: null,
        batch_id: job.batch_id,
        metadata,
      };
    case "Warning":
      return { type: "job_warning", job_id, status: "warning", url, error, error_code, metadata };
    case "Skipped":
      return { type: "job_skipped", job_id, status: "skipped", url, reason: error, error_code, metadata };
    default:
      return { type: "job_failed", job_id, status: "failed", url, error, error_code, metadata };
  }
}

/** Texts that are cut if a body is too long, the least important first. */
const CUT_FIRST = ["description", "title"] as const;

/** The body as it is sent: never longer than a webhook event may be. */
export function encodeEvent(event: object): string {
  let body = JSON.stringify(event);
  for (const name of CUT_FIRST) {
    const text: unknown = (event as Record<string, unknown>)[name];
    const excess = utf8(body).byteLength - MAX_EVENT_BYTES;
    if (excess <= 0) break;
    if (typeof text !== "string") continue;
    body = JSON.stringify({ ...event, [name]: cut(text, utf8(JSON.stringify(text)).byteLength - excess) });
  }
  return body;
}

/** The longest beginning of a text whose JSON has at most this many bytes. */
function cut(text: string, maxBytes: number): string {
  let room = maxBytes - utf8(JSON.stringify("…")).byteLength;
  let kept = "";
  for (const character of text) {
    room -= utf8(JSON.stringify(character)).byteLength - 2;
    if (room < 0) break;
    kept += character;
  }
  return `${kept}…`;
}
