import { DispatchMessage } from "../../schema/wire/queue-messages.ts";
import type { RequestContext } from "../context.ts";
import { describeError } from "../lib/log.ts";
import { type Dispatch, dispatchJob } from "../services/runs/dispatcher.ts";

/** A dispatch message is retried a few times; after that reconcile sends another one while the job is pending. */
const MAX_TRIES = 6;
/** Longest time between two tries, in seconds. */
const MAX_DELAY_SECONDS = 120;

/** Consumes dispatch messages concurrently: a slow processor does not delay other jobs. */
export async function consumeDispatchMessages(
  context: RequestContext,
  batch: MessageBatch<unknown>,
): Promise<void> {
  await Promise.all(batch.messages.map((message) => consume(context, message)));
}

async function consume(context: RequestContext, message: Message<unknown>): Promise<void> {
  const parsed = DispatchMessage.safeParse(message.body);
  if (!parsed.success) {
    context.log("message_malformed", { message_id: message.id });
    message.ack();
    return;
  }
  try {
    const dispatched = await dispatchJob(context, parsed.data.job_id);
    if (dispatched.type === "later") later(message, dispatched);
    else message.ack();
  } catch (error) {
    context.log("dispatch_failed", { job_id: parsed.data.job_id, error: describeError(error) });
    later(message, { why: "failed", delaySeconds: 1 });
  }
}

/** Tries with the shortest delay: a processor that restarts is back within seconds. */
const QUICK_TRIES = 3;

function later(message: Message<unknown>, { why, delaySeconds: seconds }: Postponed): void {
  if (message.attempts >= MAX_TRIES) {
    message.ack();
    return;
  }
  const doublings = message.attempts - (why === "unreachable" ? QUICK_TRIES : 1);
  // a long delay is already the job's own due time
  const delaySeconds = Math.max(seconds, Math.min(MAX_DELAY_SECONDS, seconds * 2 ** Math.max(0, doublings)));
  message.retry({ delaySeconds });
}

interface Postponed {
  readonly why: Extract<Dispatch, { type: "later" }>["why"] | "failed";
  readonly delaySeconds: number;
}
