import type { SLACK_LEVELS } from "../../../schema/api/slack.ts";
import type { Scope } from "../../context.ts";
import type { Companion, SetCompanion } from "../../db/companions.ts";
import {
  insertDeliveries,
  insertDelivery,
  insertSlackDeliveries,
  insertSlackDelivery,
  type NewDeliveryRow,
} from "../../db/delivery-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { jsonPages } from "../../lib/json-pages.ts";
import { NOTICE_GRACE_MS } from "../queue/sender.ts";
import { encodeNotice, noticeOf } from "./body.ts";
import { slackText } from "./slack-text.ts";

/** What is written together with the end of a job, so that no notice is lost whatever dies then. */
export interface EndNotices {
  readonly companions: readonly Companion[];
  /** Deliveries that a hint is to be sent for. */
  readonly deliveryIds: readonly string[];
}

/** The same for many jobs at once. */
export interface SetEndNotices {
  readonly companions: readonly SetCompanion[];
  readonly deliveryIds: readonly string[];
}

/** @param job as it is after the move that ends it */
export function endNotices(scope: Scope, job: JobRow): EndNotices {
  const { slack, webhook } = deliveriesOf(scope, job);
  const toSlack = insertSlackDelivery(slack, levelsOf(job));
  if (!webhook) return { companions: [toSlack], deliveryIds: [] };
  return { companions: [toSlack, insertDelivery(webhook)], deliveryIds: [webhook.id] };
}

/** The same for many jobs of one account that end alike. */
export function endNoticesOf(scope: Scope, jobs: readonly JobRow[]): SetEndNotices {
  const [first] = jobs;
  if (!first) return { companions: [], deliveryIds: [] };
  const deliveries = jobs.map((job) => deliveriesOf(scope, job));
  const webhooks = deliveries.flatMap(({ webhook }) => (webhook ? [webhook] : []));
  return {
    companions: [
      ...jsonPages(deliveries.map(({ slack }) => slack)).map((page) =>
        insertSlackDeliveries(JSON.stringify(page), first.account_id, levelsOf(first)),
      ),
      ...jsonPages(webhooks).map((page) => insertDeliveries(JSON.stringify(page))),
    ],
    deliveryIds: webhooks.map(({ id }) => id),
  };
}

/** What is told of an end: always to Slack, if the account has it, and to the job's own address. */
function deliveriesOf(scope: Scope, job: JobRow): { slack: NewDeliveryRow; webhook: NewDeliveryRow | null } {
  const { webhook_url } = job.request;
  const notice = noticeOf(job);
  const base = { account_id: job.account_id, job_id: job.id, batch_id: job.batch_id, type: notice.type };
  const slack = newDelivery(scope, {
    ...base,
    kind: "slack",
    url: "",
    body: JSON.stringify(slackText(job, notice)),
    // whether the account has Slack is known to the statement alone: reconcile sends the first hint, within a minute
    hint_due_at: scope.clock(),
  });
  if (typeof webhook_url !== "string") return { slack, webhook: null };
  const webhook = newDelivery(scope, {
    ...base,
    kind: "webhook",
    url: webhook_url.trim().toWellFormed(),
    sealed_url: job.sealed_webhook_url ?? null,
    body: encodeNotice(notice),
  });
  return { slack, webhook };
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
