import { judgeUrl } from "../../schema/address.ts";
import type { Limits } from "../../schema/api/account.ts";
import type { JobRequest } from "../../schema/api/job-request.ts";
import { JOB_MEMBERS } from "../../schema/api/job-request.ts";
import { type Adjustment, type MediaPlan, plan } from "../../schema/media.ts";
import type { Config } from "../env.ts";
import { invalidMember } from "../lib/api-error.ts";
import { capRequest } from "./cap-request.ts";
import { refuseNotYet, tellNotYet } from "./not-yet.ts";

/** A request that was found acceptable, with all that is derived from it. */
export interface PreparedJob {
  readonly url: string;
  /** The known members as they were sent, without storage. */
  readonly echo: Record<string, unknown>;
  readonly request: JobRequest;
  readonly plan: MediaPlan;
  readonly adjustments: Adjustment[];
}

/**
 * Judges a valid request and plans it. Pure: nothing is stored.
 *
 * @param limits of the account
 * @param sent the body as it was sent
 * @throws ApiError `invalid_request` for a host that is not public or a member that this version refuses; `forbidden`
 *   for more than the account may ask for
 */
export function prepareJob(
  config: Config,
  limits: Limits,
  sentRequest: JobRequest,
  sent: Record<string, unknown>,
): PreparedJob {
  const { request, adjustments: caps } = capRequest(limits, sentRequest);
  requirePublic(config, "url", request.url);
  if (request.webhook_url !== undefined) requirePublic(config, "webhook_url", request.webhook_url);
  refuseNotYet(request);
  const planned = plan(request);
  return {
    url: request.url,
    echo: echoOf(sent),
    request,
    plan: planned.plan,
    adjustments: [...planned.adjustments, ...(planned.plan.audio_only ? [] : caps), ...tellNotYet(request)],
  };
}

/** @throws ApiError `invalid_request` that names the member */
export function requirePublic(config: Config, path: string, url: string): void {
  const verdict = judgeUrl(new URL(url), config.allowedPrivateHosts);
  if (!verdict.allowed) throw invalidMember(path, `must be a public address (${verdict.reason})`);
}

function echoOf(sent: Record<string, unknown>): Record<string, unknown> {
  const known = JOB_MEMBERS.filter((member) => member !== "storage" && (sent[member] ?? null) !== null);
  return Object.fromEntries(known.map((member) => [member, sent[member]]));
}
