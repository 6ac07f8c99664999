import type { Notice } from "../../../schema/api/webhook.ts";
import type { JobRow } from "../../db/job-rows.ts";

/** The notice as a message for people, in Slack's own form. */
export function slackText(job: Pick<JobRow, "title" | "url">, notice: Notice): { text: string } {
  const name = escapeSlack(job.title ?? job.url);
  switch (notice.type) {
    case "job_completed":
      return { text: `Delivered: ${name}\n\`${escapeSlack(notice.key ?? "")}\`` };
    case "job_failed":
    case "job_warning":
      return {
        text: `${notice.type === "job_failed" ? "Failed" : "Warning"}: ${name}\n${escapeSlack(notice.error)}`,
      };
    case "job_skipped":
      return { text: `Skipped: ${name}\n${escapeSlack(notice.reason)}` };
    case "batch_completed":
      return { text: `Batch ${notice.status}: ${name}\n${notice.completed} of ${notice.total} delivered` };
  }
}

/** The three characters that Slack gives a meaning. */
const escapeSlack = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
