import type { Limits } from "../../../schema/api/account.ts";
import { JOB_MEMBERS, type JobRequest } from "../../../schema/api/job-request.ts";
import { type Adjustment, type MediaPlan, plan } from "../../../schema/media.ts";
import type { Config } from "../../config.ts";
import type { ListedEntry } from "../sources/listing/listing.ts";
import { requirePublic } from "../sources/require-public.ts";
import { capRequest } from "./cap-request.ts";

/** A request without its URLs, as one job or the jobs of a batch share it. */
type Options = Omit<JobRequest, "url">;

/** Accepted options, with everything that is derived from them. */
export interface PreparedOptions {
  /** Known members as they were sent, without URLs and storage. */
  readonly echo: Record<string, unknown>;
  readonly request: Options;
  readonly plan: MediaPlan;
  readonly adjustments: Adjustment[];
}

/** An accepted request for one job. */
export interface PreparedJob extends PreparedOptions {
  readonly url: string;
  /** What a listing reported about it. */
  readonly entry?: ListedEntry;
}

/**
 * Checks a valid request for one job and plans it. Pure: nothing is stored.
 *
 * @param limits of the account
 * @param sent the body as it was sent
 * @param unknown its unknown members
 * @throws ApiError `invalid_request` for a host that is not public; `forbidden` for more than the account allows
 */
export function prepareJob(
  config: Config,
  limits: Limits,
  request: JobRequest,
  sent: Record<string, unknown>,
  unknown: readonly Adjustment[] = [],
): PreparedJob {
  const { url } = request;
  requirePublic(config, "url", url);
  const prepared = prepareOptions(config, limits, request, sent, unknown);
  const ignored: Adjustment[] = request.paused
    ? [{ field: "paused", from: true, to: null, reason: "only batches can be paused" }]
    : [];
  return {
    ...prepared,
    url,
    echo: { url, ...prepared.echo },
    adjustments: [...prepared.adjustments, ...ignored],
  };
}

/** The same for the options that the jobs of a batch share. */
export function prepareOptions(
  config: Config,
  limits: Limits,
  sentOptions: Options,
  sent: Record<string, unknown>,
  unknown: readonly Adjustment[] = [],
): PreparedOptions {
  const { request, adjustments: caps } = capRequest(limits, sentOptions);
  if (request.webhook_url !== undefined) requirePublic(config, "webhook_url", request.webhook_url);
  const planned = plan(request);
  const webhook = webhookChoice(request);
  return {
    echo: { ...echoOf(sent), ...webhook.echo, ...(request.metadata ? { metadata: request.metadata } : {}) },
    request,
    plan: planned.plan,
    adjustments: [
      ...planned.adjustments,
      ...(planned.plan.audio_only ? [] : caps),
      ...webhook.adjustments,
      ...reuseAdjustments(request),
      ...unknown,
    ],
  };
}

/** Which webhook events are sent, as the job echoes it; without an address, wishes for events have no effect. */
function webhookChoice({ webhook_url, webhook_events, enable_progress_webhook }: Options): {
  echo: Record<string, unknown>;
  adjustments: Adjustment[];
} {
  const echo = webhook_events?.includes("progress") ? { enable_progress_webhook: true } : {};
  if (webhook_url !== undefined) return { echo, adjustments: [] };
  const reason = "There is no webhook_url to send events to";
  return {
    echo,
    adjustments: [
      ...(enable_progress_webhook
        ? [{ field: "enable_progress_webhook", from: true, to: null, reason }]
        : []),
      ...(webhook_events
        ? [{ field: "webhook_events", from: webhook_events.join(", "), to: null, reason }]
        : []),
    ],
  };
}

/** Without the account's own keys, its earlier files cannot be reached. */
function reuseAdjustments({ reuse, storage }: Options): Adjustment[] {
  if (reuse !== "auto" || storage === undefined) return [];
  const reason = "Media for storage that comes with the request is always fetched";
  return [{ field: "reuse", from: "auto", to: "never", reason }];
}

/** Members that have columns of their own, or must not be stored. */
const UNSHARED: readonly string[] = ["url", "storage"];

function echoOf(sent: Record<string, unknown>): Record<string, unknown> {
  const known = JOB_MEMBERS.filter((member) => !UNSHARED.includes(member) && (sent[member] ?? null) !== null);
  return Object.fromEntries(known.map((member) => [member, sent[member]]));
}
