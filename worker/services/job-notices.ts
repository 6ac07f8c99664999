import type { SLACK_LEVELS } from "../../schema/api/slack.ts";
import { insertDelivery, insertSlackDelivery, type NewDeliveryRow } from "../db/delivery-rows.ts";
import type { Companion } from "../db/job-moves.ts";
import type { JobRow } from "../db/job-rows.ts";
import type { Scope } from "../services.ts";
import { encodeNotice, noticeOf } from "./notice-body.ts";
import { NOTICE_GRACE_MS } from "./notice-hints.ts";
import { slackText } from "./slack-text.ts";

/** What is written together with the end of a job, so that no notice is lost whatever dies then. */
export interface EndNotices {
  readonly companions: readonly Companion[];
  /** Deliveries that a hint is to be sent for. */
  readonly deliveryIds: readonly string[];
}

/** @param job as it is after the move that ends it */
export function endNotices(scope: Scope, job: JobRow): EndNotices {
  const { webhook_url } = job.request;
  const notice = noticeOf(job);
  const base = { account_id: job.account_id, job_id: job.id, type: notice.type };
  const slack = newDelivery(scope, {
    ...base,
    kind: "slack",
    url: "",
    body: JSON.stringify(slackText(job, notice)),
  });
  // whether the account has Slack is known to the statement alone: reconcile sends the first hint, within a minute
  const toSlack = insertSlackDelivery({ ...slack, hint_due_at: scope.clock() }, levelsOf(job));
  if (typeof webhook_url !== "string") return { companions: [toSlack], deliveryIds: [] };
  const delivery = newDelivery(scope, {
    ...base,
    kind: "webhook",
    url: webhook_url.trim().toWellFormed(),
    body: encodeNotice(notice),
  });
  return { companions: [toSlack, insertDelivery(delivery)], deliveryIds: [delivery.id] };
}

/** A delivery that is due now. Without an `event_id` of its own it tells a new event. */
export function newDelivery(
  scope: Scope,
  facts: Pick<NewDeliveryRow, "account_id" | "job_id" | "kind" | "type" | "url" | "body"> &
    Partial<NewDeliveryRow>,
): NewDeliveryRow {
  const now = scope.clock();
  const id = scope.newId();
  return {
    event_id: id,
    status: "pending",
    tries: 0,
    next_try_at: now,
    hint_due_at: now + NOTICE_GRACE_MS,
    created_at: now,
    ...facts,
    id,
  };
}

function levelsOf({ status }: JobRow): (typeof SLACK_LEVELS)[number][] {
  if (status === "Completed") return ["all"];
  return ["all", status === "Failed" ? "errors_only" : "warnings_only"];
}
