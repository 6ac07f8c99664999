import { metadataOf } from "../../../schema/api/metadata.ts";
import { SLACK_LEVELS } from "../../../schema/api/slack.ts";
import type { JobDeniedEvent, WebhookEvent } from "../../../schema/api/webhook.ts";
import type { JobErrorCode } from "../../../schema/errors.ts";
import type { RequestContext } from "../../context.ts";
import {
  insertDeliveries,
  insertDelivery,
  insertSlackDeliveries,
  insertSlackDelivery,
  type NewDeliveryRow,
} from "../../db/delivery-rows.ts";
import type { GuardedSetStatement, GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { jsonPages } from "../../lib/json-pages.ts";
import { DELIVERY_GRACE_MS } from "../queue/sender.ts";
import { encodeEvent, eventOf } from "./body.ts";
import { type SlackEvent, slackText } from "./slack-text.ts";

/** Deliveries that are written together with the end of a job, so that no event is lost if the Worker dies. */
export interface EndDeliveries {
  readonly guardedStatements: readonly GuardedStatement[];
  /** Deliveries that need a delivery message. */
  readonly deliveryIds: readonly string[];
}

/** The same for many jobs at once. */
export interface SetEndDeliveries {
  readonly guardedStatements: readonly GuardedSetStatement[];
  readonly deliveryIds: readonly string[];
}

/** @param job after the move that ends it */
export function endDeliveries(context: RequestContext, job: JobRow): EndDeliveries {
  const { slack, webhook } = deliveriesOf(context, job);
  const toSlack = insertSlackDelivery(slack, levelsOf(job));
  if (!webhook) return { guardedStatements: [toSlack], deliveryIds: [] };
  return { guardedStatements: [toSlack, insertDelivery(webhook)], deliveryIds: [webhook.id] };
}

/** The same for many jobs of one account that end in the same way. */
export function endDeliveriesOf(context: RequestContext, jobs: readonly JobRow[]): SetEndDeliveries {
  const [first] = jobs;
  if (!first) return { guardedStatements: [], deliveryIds: [] };
  const deliveries = jobs.map((job) => deliveriesOf(context, job));
  const webhooks = deliveries.flatMap(({ webhook }) => (webhook ? [webhook] : []));
  return {
    guardedStatements: [
      ...jsonPages(deliveries.map(({ slack }) => slack)).map((page) =>
        insertSlackDeliveries(JSON.stringify(page), first.account_id, levelsOf(first)),
      ),
      ...jsonPages(webhooks).map((page) => insertDeliveries(JSON.stringify(page))),
    ],
    deliveryIds: webhooks.map(({ id }) => id),
  };
}

/**
 * Deliveries for the case that a run's refusal makes the stored cookies of a site stale. Only the statements themselves
 * know whether it does: reconcile sends the first message within a minute.
 */
export function staleDeliveries(
  context: RequestContext,
  job: JobRow,
  { site, code }: { readonly site: string; readonly code: JobErrorCode },
): readonly GuardedStatement[] {
  const { slack, webhook } = deliveriesOf(context, job, {
    type: "cookies_stale",
    ...{ site, job_id: job.id, error_code: code, metadata: metadataOf(job.request) },
    error: `${site} refused the stored cookies twice; they are not used until you replace them`,
  });
  const toSlack = insertSlackDelivery(slack, SLACK_LEVELS);
  return webhook ? [toSlack, insertDelivery({ ...webhook, enqueue_due_at: context.clock() })] : [toSlack];
}

/** Deliveries that are written when the operator takes down what a job delivered. */
export function deniedDeliveries(context: RequestContext, job: JobRow, event: JobDeniedEvent): EndDeliveries {
  const { slack, webhook } = deliveriesOf(context, job, event);
  const toSlack = insertSlackDelivery(slack, SLACK_LEVELS);
  if (!webhook) return { guardedStatements: [toSlack], deliveryIds: [] };
  return { guardedStatements: [toSlack, insertDelivery(webhook)], deliveryIds: [webhook.id] };
}

/** Deliveries for an event: to Slack, if the account uses it, and to the job's own address. */
function deliveriesOf(
  context: RequestContext,
  job: JobRow,
  event: SlackEvent = eventOf(job),
): { slack: NewDeliveryRow; webhook: NewDeliveryRow | null } {
  const { webhook_url } = job.request;
  const base = { account_id: job.account_id, job_id: job.id, batch_id: job.batch_id, type: event.type };
  const slack = newDelivery(context, {
    ...base,
    kind: "slack",
    url: "",
    body: JSON.stringify(slackText(job, event)),
    // only the statement itself knows whether the account uses Slack: reconcile sends the first message within a minute
    enqueue_due_at: context.clock(),
  });
  if (typeof webhook_url !== "string" || !wantsEvent(job.request.webhook_events, event.type)) {
    return { slack, webhook: null };
  }
  const webhook = newDelivery(context, {
    ...base,
    kind: "webhook",
    url: webhook_url.trim().toWellFormed(),
    sealed_url: job.sealed_webhook_url ?? null,
    body: encodeEvent(event),
  });
  return { slack, webhook };
}

/** Whether a request's `webhook_events` asks for events of a type; without any, all are sent. */
export const wantsEvent = (chosen: unknown, type: WebhookEvent["type"]): boolean =>
  !Array.isArray(chosen) || chosen.includes(type);

/** A delivery that is due now. Without an `event_id` of its own it reports a new event. */
export function newDelivery(
  context: RequestContext,
  facts: Pick<NewDeliveryRow, "account_id" | "job_id" | "kind" | "type" | "url" | "body"> &
    Partial<NewDeliveryRow>,
): NewDeliveryRow {
  const now = context.clock();
  const id = context.newId();
  return {
    event_id: id,
    status: "pending",
    tries: 0,
    next_try_at: now,
    enqueue_due_at: now + DELIVERY_GRACE_MS,
    created_at: now,
    ...facts,
    id,
  };
}

function levelsOf({ status }: JobRow): (typeof SLACK_LEVELS)[number][] {
  if (status === "Completed") return ["all"];
  return ["all", status === "Failed" ? "errors_only" : "warnings_only"];
}
