import type { BatchStatus } from "../../../schema/api/batch.ts";
import type { SLACK_LEVELS } from "../../../schema/api/slack.ts";
import { BatchCompletedEvent } from "../../../schema/api/webhook.ts";
import type { RequestContext } from "../../context.ts";
import { readCounts, writeBatchEnd } from "../../db/batch-flight.ts";
import type { BatchRow } from "../../db/batch-rows.ts";
import { insertDelivery, insertSlackDelivery } from "../../db/delivery-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { encodeEvent } from "../webhooks/body.ts";
import { newDelivery, wantsEvent } from "../webhooks/events.ts";
import { slackText } from "../webhooks/slack-text.ts";
import { isBeingListed, isListComplete } from "./list-state.ts";

/**
 * Ends a batch if all of its jobs have ended, and writes its one webhook event in the same transaction; concurrent calls
 * do no harm.
 *
 * @returns how the batch ended, in this call or before; null if it has not
 */
export async function finishBatch(context: RequestContext, id: string): Promise<BatchStatus | null> {
  const found = await readCounts(context.db, id);
  if (!found) return null;
  const { batch, counts } = found;
  if (batch.finished_at !== null) return batch.status;
  if (counts.pending + counts.processing > 0 || isBeingListed(batch)) return null;
  const list_complete = isListComplete(batch);
  // ended jobs stay ended, so the counts are still true when they are written
  const status = counts.failed + counts.skipped > 0 || !list_complete ? "finished" : "completed";
  const { guardedStatements, deliveryIds } = deliveriesOf(
    context,
    batch,
    BatchCompletedEvent.parse({
      type: "batch_completed",
      batch_id: id,
      show_url: batch.show_url,
      folder: batch.folder,
      status,
      completed: counts.completed,
      failed: counts.failed,
      skipped: counts.skipped,
      total: batch.total,
      list_complete,
      metadata: batch.metadata,
    }),
  );
  const finished_at = context.clock();
  if (await writeBatchEnd(context.db, id, { status, finished_at }, guardedStatements)) {
    if (deliveryIds.length > 0) context.defer(sendDeliveryMessages(context, deliveryIds));
    context.log("batch_finished", { batch_id: id, status, ...counts });
  }
  return status;
}

function deliveriesOf(
  context: RequestContext,
  batch: BatchRow,
  event: BatchCompletedEvent,
): { guardedStatements: GuardedStatement[]; deliveryIds: string[] } {
  const base = {
    account_id: batch.account_id,
    job_id: null,
    batch_id: batch.id,
    type: event.type,
  } as const;
  const title = batch.title ?? batch.show_url ?? batch.id;
  const slack = newDelivery(context, {
    ...base,
    kind: "slack",
    url: "",
    body: JSON.stringify(slackText({ title, url: title }, event)),
    // as for jobs: only the statement itself knows whether the account uses Slack
    enqueue_due_at: context.clock(),
  });
  const levels: (typeof SLACK_LEVELS)[number][] =
    event.status === "completed" ? ["all"] : ["all", "errors_only", "warnings_only"];
  const toSlack = insertSlackDelivery(slack, levels);
  if (batch.webhook_url === null || !wantsEvent(batch.webhook_events, event.type)) {
    return { guardedStatements: [toSlack], deliveryIds: [] };
  }
  const webhook = newDelivery(context, {
    ...base,
    kind: "webhook",
    url: batch.webhook_url,
    sealed_url: batch.sealed_webhook_url,
    body: encodeEvent(event),
  });
  return { guardedStatements: [toSlack, insertDelivery(webhook)], deliveryIds: [webhook.id] };
}
