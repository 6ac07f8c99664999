import type { WebhookEvent } from "../../../schema/api/webhook.ts";
import type { JobRow } from "../../db/job-rows.ts";

/** Events of jobs and batches. */
export type SlackEvent = Exclude<WebhookEvent, { type: `subscription_${string}` }>;

/** The webhook event as a message for people, in Slack's format. */
export function slackText(job: Pick<JobRow, "title" | "url">, event: SlackEvent): { text: string } {
  const name = escapeSlack(job.title ?? job.url);
  switch (event.type) {
    case "job_completed":
      return { text: `Delivered: ${name}\n\`${escapeSlack(event.key ?? "")}\`` };
    case "job_failed":
    case "job_warning":
      return {
        text: `${event.type === "job_failed" ? "Failed" : "Warning"}: ${name}\n${escapeSlack(event.error)}`,
      };
    case "job_skipped":
      return { text: `Skipped: ${name}\n${escapeSlack(event.reason)}` };
    case "job_denied":
      return {
        text: `Denied by the operator: ${name}\n${escapeSlack(event.reason ?? "The file was deleted")}`,
      };
    case "batch_completed":
      return { text: `Batch ${event.status}: ${name}\n${event.completed} of ${event.total} delivered` };
    case "cookies_stale":
      return { text: `Cookies refused: ${escapeSlack(event.site)}\n${escapeSlack(event.error)}` };
  }
}

/** Escapes the three characters that have a meaning in Slack. */
const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
