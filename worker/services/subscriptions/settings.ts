import type { Limits } from "../../../schema/api/account.ts";
import { JobRequest } from "../../../schema/api/job-request.ts";
import type {
  SubscriptionChange,
  SubscriptionRequest,
} from "../../../schema/api/subscriptions/subscription.ts";
import type { Adjustment } from "../../../schema/media.ts";
import { shownUrl } from "../../../schema/shown-url.ts";
import type { RequestContext } from "../../context.ts";
import type { NewSubscriptionRow } from "../../db/subscriptions/subscription-rows.ts";
import { prepareJob } from "../intake/prepare-job.ts";
import { sealAddress } from "../storage/sealed-urls.ts";
import { requireFilters } from "./filters.ts";
import { requireSchedule } from "./schedule.ts";
import { requireTemplate } from "./templates.ts";

/** Address that stands for an entry's when the options of the jobs are checked. */
const ANY_ENTRY = "https://example.com/entry";

/**
 * Checks what the schema cannot: templates, the schedule, the pattern of titles, and the options of the jobs as
 * `POST /jobs` checks them.
 *
 * @param sent options of the jobs as they were sent
 * @returns adjustments that every job will have
 * @throws ApiError `invalid_request` that names the field; `forbidden` for more than the account allows
 */
export async function requireSettings(
  context: RequestContext,
  limits: Limits,
  settings: Pick<SubscriptionRequest | SubscriptionChange, "filename" | "folder" | "schedule" | "filters">,
  sent: Record<string, unknown>,
): Promise<Adjustment[]> {
  requireTemplate("filename", settings.filename);
  requireTemplate("folder", settings.folder);
  requireSchedule(settings.schedule, context.clock());
  await requireFilters(settings.filters);
  const body = { ...sent, url: ANY_ENTRY };
  return prepareJob(context.config, limits, JobRequest.parse(body), body).adjustments;
}

/** The columns in which a subscription shows the options of its jobs, and to which address it sends its events. */
export async function jobColumns(
  context: RequestContext,
  accountId: string,
  sent: Record<string, unknown>,
): Promise<Pick<NewSubscriptionRow, "job" | "webhook_url" | "sealed_webhook_url" | "webhook_events">> {
  const { storage: _, ...job } = sent;
  const { webhook_url: url, webhook_events: events } = job;
  const webhook =
    typeof url === "string"
      ? await sealAddress(context, accountId, url.trim().toWellFormed(), "webhook.url")
      : null;
  return {
    job: typeof url === "string" ? { ...job, webhook_url: shownUrl(url.trim()) } : job,
    webhook_url: webhook?.name ?? null,
    sealed_webhook_url: webhook?.sealed ?? null,
    webhook_events: Array.isArray(events) ? (events as string[]) : null,
  };
}

/** The options of the jobs as they were sent, without members that are null. */
export function sentJob(sent: unknown): Record<string, unknown> {
  const { job } = (sent ?? {}) as { job?: unknown };
  if (typeof job !== "object" || job === null) return {};
  return Object.fromEntries(Object.entries(job).filter(([, value]) => value !== null));
}
