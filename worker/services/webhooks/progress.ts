import { metadataOf } from "../../../schema/api/metadata.ts";
import { PROGRESS_STAGES, type ProgressEvent, type ProgressStage } from "../../../schema/api/webhook.ts";
import type { Step } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { findSender } from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { openAddress, webhookOf } from "../storage/sealed-urls.ts";
import { DELIVERY_TIMEOUT_MS, postEvent } from "./post.ts";
import { signingSecrets } from "./secret.ts";

/** The stages that a job enters with each step, in order. */
const STAGES_OF_STEP: readonly (readonly [Step, readonly ProgressStage[]])[] = [
  ["Downloading", ["downloading"]],
  ["Muxing", ["download_complete", "muxing"]],
  ["Uploading", ["mux_complete", "uploading"]],
  ["Finished", ["completed"]],
];

/**
 * All stages that were passed between two steps, so that a listener gets the same six whatever the strategy. A repeated
 * run starts with `downloading` again.
 *
 * @example stagesBetween("Downloading", "Uploading") // ["download_complete", "muxing", "mux_complete", "uploading"]
 */
export function stagesBetween(from: Step, to: Step): ProgressStage[] {
  const indexOf = (step: Step) => STAGES_OF_STEP.findIndex(([name]) => name === step);
  if (to === "Downloading") return from === to ? [] : ["downloading"];
  return STAGES_OF_STEP.slice(indexOf(from) + 1, indexOf(to) + 1).flatMap(([, stages]) => stages);
}

/** True for a job whose owner subscribed to its stages. */
export const reportsProgress = ({ request }: Pick<JobRow, "request">): boolean =>
  request.enable_progress_webhook === true && typeof request.webhook_url === "string";

/** Posts stages in order, each once, all within the time limit of one webhook event; failures are ignored. */
export async function sendProgress(
  context: RequestContext,
  job: Pick<JobRow, "id" | "account_id" | "request" | "sealed_webhook_url">,
  stages: readonly ProgressStage[],
): Promise<void> {
  const webhook = webhookOf(job.account_id, job.request.webhook_url, job.sealed_webhook_url);
  if (!webhook || stages.length === 0) return;
  const sender = await findSender(context.db, job.account_id, webhook.name);
  if (!sender || (sender.endpoint && sender.endpoint.disabled_at !== null)) return;
  const [url, secrets] = await Promise.all([
    openAddress(context, webhook),
    signingSecrets(context, sender.account),
  ]);
  const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS);
  for (const stage of stages) {
    const event: ProgressEvent = {
      type: "progress",
      job_id: job.id,
      stage,
      progress_percent: PROGRESS_STAGES[stage],
      metadata: metadataOf(job.request),
    };
    await postEvent(context, { url, eventId: context.newId(), body: JSON.stringify(event), secrets }, signal);
  }
}
