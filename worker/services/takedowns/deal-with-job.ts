import { metadataOf } from "../../../schema/api/metadata.ts";
import { KEPT_REASONS, type KeptReason } from "../../../schema/api/operator/denied.ts";
import { jobSentence } from "../../../schema/errors.ts";
import { isFinal } from "../../../schema/states.ts";
import type { RequestContext } from "../../context.ts";
import { findJob, type JobRow } from "../../db/job-rows.ts";
import { finishErasureQuery } from "../../db/object-owners.ts";
import type { DenialRow } from "../../db/rights/denial-rows.ts";
import {
  markDenied,
  postponeTakedownJob,
  type Settled,
  settleTakedownJob,
  type TakedownJobRow,
} from "../../db/rights/takedown-rows.ts";
import { endByDenial } from "../jobs/cancel.ts";
import { type ErasedFiles, eraseFilesOf, eraseUnreported } from "../jobs/erase-files.ts";
import { sendDeliveryMessages } from "../queue/sender.ts";
import { contactOf } from "../rights/require-allowed.ts";
import { deniedDeliveries } from "../webhooks/events.ts";

/**
 * One job of a takedown: a job that is unfinished ends, and what a job delivered is deleted. Each step may be repeated
 * after a crash: the job's own row says how far it got, and the last write settles everything else in one transaction.
 */

/** Delay before a job is looked at again that is being published, or whose file is being written, in milliseconds. */
const BUSY_MS = 15_000;
/** Tries of a storage that does not delete; the delay doubles from a minute up to three hours: a day in all. */
const MAX_TRIES = 14;
const FIRST_DELAY_MS = 60_000;
const LONGEST_DELAY_MS = 3 * 60 * 60_000;
/** A storage that refuses is asked this often. */
const MAX_REFUSALS = 3;

export async function dealWithJob(
  context: RequestContext,
  denial: DenialRow,
  row: TakedownJobRow,
): Promise<void> {
  const job = await findJob(context.db, row.job_id);
  // it was removed, with its file
  if (!job) return settle(context, row, { state: "without_file" });
  if (!isFinal(job.status)) return stop(context, denial, row, job);
  if (job.status !== "Completed") return finishStopped(context, row, job);
  if (job.object_key === null || job.file_replaced_by !== null) {
    return settleDelivered(context, { denial, row, job }, { state: "without_file" });
  }
  const erased = await eraseFilesOf(context, job);
  switch (erased.type) {
    case "deleted":
      return settleDelivered(
        context,
        { denial, row, job },
        { state: "deleted", objects: erased.objects },
        erased,
      );
    case "kept":
      return settleDelivered(context, { denial, row, job }, { state: "kept", reason: erased.reason });
    case "busy":
      await postponeTakedownJob(context.db, row, context.clock() + BUSY_MS, false);
      return;
    case "failed":
      if (await triesAgain(context, row, erased)) return;
      return settleDelivered(context, { denial, row, job }, { state: "kept", reason: erased.reason });
  }
}

/** A run that was allowed to publish will end soon; then its file is deleted. */
async function stop(
  context: RequestContext,
  denial: DenialRow,
  row: TakedownJobRow,
  job: JobRow,
): Promise<void> {
  const isEnded = await endByDenial(context, job, contactOf(context, denial));
  if (!isEnded) {
    await postponeTakedownJob(context.db, row, context.clock() + BUSY_MS, false);
  } else if (job.publishing_key === null) {
    await settle(context, row, { state: "stopped" });
  } else {
    // the lost run may still be publishing until its lease is over
    await postponeTakedownJob(context.db, row, context.clock() + context.config.leaseMs, false);
  }
}

async function finishStopped(context: RequestContext, row: TakedownJobRow, job: JobRow): Promise<void> {
  const erased = await eraseUnreported(context, job);
  if (erased.type === "failed" && (await triesAgain(context, row, erased))) return;
  if (erased.type === "kept" || erased.type === "failed") {
    return settle(context, row, { state: "kept", reason: erased.reason });
  }
  await settle(context, row, { state: "stopped", objects: erased.type === "deleted" ? erased.objects : 0 });
}

/** Whether a storage that did not delete is asked again. */
async function triesAgain(
  context: RequestContext,
  row: TakedownJobRow,
  { reason, error }: Extract<ErasedFiles, { type: "failed" }>,
): Promise<boolean> {
  context.log("takedown_failed", { denial_id: row.denial_id, job_id: row.job_id, why: reason, error });
  if (row.tries + 1 >= (reason === "storage_refused" ? MAX_REFUSALS : MAX_TRIES)) return false;
  const delay = Math.min(FIRST_DELAY_MS * 2 ** row.tries, LONGEST_DELAY_MS);
  await postponeTakedownJob(context.db, row, context.clock() + delay, true);
  return true;
}

const settle = (context: RequestContext, row: TakedownJobRow, settled: Omit<Settled, "now">): Promise<void> =>
  settleTakedownJob(context.db, row, { ...settled, now: context.clock() });

interface Delivered {
  readonly denial: DenialRow;
  readonly row: TakedownJobRow;
  readonly job: JobRow;
}

/** The job is marked, and its owner informed, in the transaction that settles it: once, however often it is repeated. */
async function settleDelivered(
  context: RequestContext,
  { denial, row, job }: Delivered,
  settled: Omit<Settled, "now">,
  erased?: Extract<ErasedFiles, { type: "deleted" }>,
): Promise<void> {
  const now = context.clock();
  const subject = contactOf(context, denial);
  const deliveries = deniedDeliveries(context, job, {
    type: "job_denied",
    ...{ job_id: job.id, status: "denied", url: job.url },
    key: settled.state === "without_file" ? null : job.object_key,
    file_deleted: settled.state === "deleted",
    reason: explained(settled.reason ?? null),
    ...{ error: jobSentence("denied", subject), error_code: "denied", metadata: metadataOf(job.request) },
  });
  await settleTakedownJob(context.db, row, { ...settled, now }, (isOpen) => [
    ...deliveries.guardedStatements.map((statement) => statement(context.db, isOpen)),
    markDenied(context.db, job.id, { subject, now }, isOpen),
    ...(erased ? [finishErasureQuery(context.db, job.id, erased.until)] : []),
  ]);
  if (deliveries.deliveryIds.length > 0) {
    context.defer(sendDeliveryMessages(context, deliveries.deliveryIds));
  }
}

/** As a sentence. */
export const explained = (reason: KeptReason | null): string | null => reason && KEPT_REASONS[reason];
