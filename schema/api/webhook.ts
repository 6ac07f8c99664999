import { z } from "zod";
import { JOB_ERROR_CODES } from "../errors.ts";
import { Id, Time } from "../ids.ts";
import { clampedInt } from "./clamped-int.ts";
import { Metadata } from "./metadata.ts";
import {
  SubscriptionEntryEvent,
  SubscriptionFailingEvent,
  SubscriptionRecoveredEvent,
} from "./subscriptions/events.ts";

/** Webhook events: what is posted to a job's `webhook_url`, and the log of deliveries. */

/** Webhook events that are stored and retried; progress events are not. */
export const WEBHOOK_EVENT_TYPES = [
  "job_completed",
  "job_failed",
  "job_warning",
  "job_skipped",
  "job_denied",
  "batch_completed",
  "subscription_entry",
  "subscription_failing",
  "subscription_recovered",
  "cookies_stale",
] as const;
/** What a job's `webhook_events` may name. */
export const WEBHOOK_CHOICES = [...WEBHOOK_EVENT_TYPES, "progress"] as const;
export const DELIVERY_STATUSES = ["pending", "delivered", "failed"] as const;
/** Signed webhook events of the API, and messages to Slack. */
export const DELIVERY_KINDS = ["webhook", "slack"] as const;
/** Largest body of a webhook event, in bytes; longer texts are cut. */
export const MAX_EVENT_BYTES = 20_000;

const text = z.string().nullable();
const metadata = Metadata.nullable().describe("As it was sent with the request; null without");

export const JobCompletedEvent = z
  .object({
    type: z.literal("job_completed"),
    job_id: Id,
    status: z.literal("completed"),
    url: z.string(),
    key: text,
    folder: text,
    title: text,
    description: text,
    release_date: text,
    subtitle_key: text,
    thumbnail_key: text,
    file_size: z.int().nullable(),
    sha256: text.describe("In hex; null as in the job"),
    s3_url: text.describe("Signed for 24 hours at each try; null if the file was deleted or overwritten"),
    file_replaced_by: Id.nullable().describe("The later job that overwrote the file; updated at each try"),
    batch_id: Id.nullable(),
    metadata,
  })
  .meta({ id: "JobCompletedEvent" });

const ended = {
  ...{ job_id: Id, url: z.string(), error: z.string(), error_code: z.enum(JOB_ERROR_CODES) },
  metadata,
};

export const JobFailedEvent = z
  .object({ type: z.literal("job_failed"), status: z.literal("failed"), ...ended })
  .meta({ id: "JobFailedEvent" });

export const JobWarningEvent = z
  .object({ type: z.literal("job_warning"), status: z.literal("warning"), ...ended })
  .meta({ id: "JobWarningEvent" });

export const JobSkippedEvent = z
  .object({
    type: z.literal("job_skipped"),
    job_id: Id,
    status: z.literal("skipped"),
    url: z.string(),
    reason: z.string(),
    error_code: z.enum(JOB_ERROR_CODES),
    metadata,
  })
  .meta({ id: "JobSkippedEvent" });

/** The operator denied the source of a job that had been delivered. */
export const JobDeniedEvent = z
  .object({
    type: z.literal("job_denied"),
    job_id: Id,
    status: z.literal("denied"),
    url: z.string(),
    key: text.describe("Key of the delivered file; null if there was none any more"),
    file_deleted: z
      .boolean()
      .describe("False: the file could not be deleted, and `reason` says why; you must delete it"),
    reason: text.describe("Why the file was not deleted; null if it was, or if there was none"),
    error: z.string(),
    error_code: z.literal("denied"),
    metadata,
  })
  .meta({ id: "JobDeniedEvent" });
export type JobDeniedEvent = z.infer<typeof JobDeniedEvent>;

/** The last job of a batch ended. */
export const BatchCompletedEvent = z
  .object({
    type: z.literal("batch_completed"),
    batch_id: Id,
    show_url: text,
    folder: text,
    status: z.enum(["completed", "finished"]),
    completed: z.int(),
    failed: z.int(),
    skipped: z.int(),
    total: z.int(),
    list_complete: z
      .boolean()
      .describe(
        "False if the list could not be read to its end, or was cancelled before; see `list_error` of the batch",
      ),
    metadata,
  })
  .meta({ id: "BatchCompletedEvent" });
export type BatchCompletedEvent = z.infer<typeof BatchCompletedEvent>;

/** A site refused an account's stored cookies twice; they are not used again until they are replaced. */
export const CookiesStaleEvent = z
  .object({
    type: z.literal("cookies_stale"),
    site: z.string().meta({ example: "youtube.com" }),
    job_id: Id.describe("The job whose run was refused"),
    error: z.string().describe("What to do"),
    error_code: z.enum(JOB_ERROR_CODES).describe("How the site refused the cookies"),
    metadata,
  })
  .meta({ id: "CookiesStaleEvent" });
export type CookiesStaleEvent = z.infer<typeof CookiesStaleEvent>;

/** Stages of `progress`, in order, with the percentages that go with them. */
export const PROGRESS_STAGES = {
  downloading: 0,
  download_complete: 33,
  muxing: 33,
  mux_complete: 66,
  uploading: 66,
  completed: 100,
} as const;
export type ProgressStage = keyof typeof PROGRESS_STAGES;

/** Sent once, without retries. */
export const ProgressEvent = z
  .object({
    type: z.literal("progress"),
    job_id: Id,
    stage: z.enum(Object.keys(PROGRESS_STAGES) as [ProgressStage, ...ProgressStage[]]),
    progress_percent: z.number().min(0).max(100),
    metadata,
  })
  .meta({ id: "ProgressEvent" });
export type ProgressEvent = z.infer<typeof ProgressEvent>;

/** A webhook event that is stored and retried. */
export const WebhookEvent = z.discriminatedUnion("type", [
  JobCompletedEvent,
  JobFailedEvent,
  JobWarningEvent,
  JobDeniedEvent,
  JobSkippedEvent,
  BatchCompletedEvent,
  SubscriptionEntryEvent,
  SubscriptionFailingEvent,
  SubscriptionRecoveredEvent,
  CookiesStaleEvent,
]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** One webhook delivery and its state. */
export const WebhookDelivery = z
  .object({
    id: Id,
    event_id: Id.describe("The header webhook-id: the same for all tries and replays"),
    job_id: Id.nullable(),
    batch_id: Id.nullable(),
    kind: z.enum(DELIVERY_KINDS),
    type: z.enum(WEBHOOK_EVENT_TYPES),
    url: z.string(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.int().min(0),
    next_try_at: Time.nullable(),
    last_status: z.int().nullable().describe("HTTP status of the last response"),
    last_error: text,
    response_time_ms: z.int().min(0).nullable(),
    delivered_at: Time.nullable(),
    failed_at: Time.nullable(),
    replay_of: Id.nullable(),
    created_at: Time,
  })
  .meta({ id: "WebhookDelivery" });
export type WebhookDelivery = z.infer<typeof WebhookDelivery>;

/** `GET /webhooks/deliveries/{id}` */
export const WebhookDeliveryDetail = WebhookDelivery.extend({
  payload: z
    .looseObject({})
    .nullable()
    .describe(
      "The event as it is stored; what is added at each try is null here: links, and the description of the media",
    ),
}).meta({ id: "WebhookDeliveryDetail" });
export type WebhookDeliveryDetail = z.infer<typeof WebhookDeliveryDetail>;

/** Query of `GET /webhooks/deliveries`; the newest come first. */
export const DeliveryQuery = z.object({
  job_id: Id.optional(),
  status: z.enum(DELIVERY_STATUSES, `must be one of ${DELIVERY_STATUSES.join(", ")}`).optional(),
  limit: clampedInt(1, 100, 50),
  cursor: Id.optional().describe("next_cursor of the previous page"),
});
export type DeliveryQuery = z.output<typeof DeliveryQuery>;

export const DeliveryList = z
  .object({ deliveries: z.array(WebhookDelivery), next_cursor: Id.nullable() })
  .meta({ id: "DeliveryList" });

/** `GET /user/webhook-secret` and its rotation. */
export const WebhookSecret = z
  .object({ webhook_signing_secret: z.string().meta({ example: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }) })
  .meta({ id: "WebhookSecret" });

/** `GET /user/webhooks`: the addresses that webhook events were sent to, and their health. */
export const WebhookEndpoints = z
  .object({
    endpoints: z.array(
      z.object({
        url: z.string(),
        enabled: z
          .boolean()
          .describe("False after five days of failures; a successful replay enables it again"),
        failing_since: Time.nullable(),
        last_success_at: Time.nullable(),
        last_failure_at: Time.nullable(),
        disabled_at: Time.nullable(),
      }),
    ),
  })
  .meta({ id: "WebhookEndpoints" });
