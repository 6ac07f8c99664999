import "../messages.ts";
import { z } from "zod";
import { WebUrl } from "./job-request.ts";

/** Which results are sent to Slack: all, failures only, or only those that the content itself causes. */
export const SLACK_LEVELS = ["all", "errors_only", "warnings_only"] as const;
const level = z.enum(SLACK_LEVELS, `must be one of ${SLACK_LEVELS.join(", ")}`);

/** `POST /user/slack` */
export const SlackSettings = z
  .object({
    webhook_url: WebUrl.describe('Incoming webhook of Slack, or of anything that takes `{"text"}`'),
    notify_level: level.default("all"),
  })
  .meta({ id: "SlackSettings" });
export type SlackSettings = z.output<typeof SlackSettings>;

/** `GET /user/slack` */
export const SlackStatus = z
  .object({
    configured: z.boolean(),
    webhook_url: z.string().nullable(),
    notify_level: z.enum(SLACK_LEVELS).nullable(),
  })
  .meta({ id: "SlackStatus" });

/** Response of `POST /user/slack`. */
export const SlackSaved = z
  .object({ message: z.string(), configured: z.literal(true), notify_level: z.enum(SLACK_LEVELS) })
  .meta({ id: "SlackSaved" });

/** Response of `DELETE /user/slack`. */
export const SlackRemoved = z
  .object({ message: z.string(), configured: z.literal(false) })
  .meta({ id: "SlackRemoved" });
