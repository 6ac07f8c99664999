import type { JobErrorCode } from "../../../schema/errors.ts";
import type { RequestContext } from "../../context.ts";
import { setExpiry } from "../../db/expiry-rows.ts";
import type { GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { countEnd, countEnds } from "../../db/metrics/statistics.ts";
import { noteEntryEnd, settleEntry } from "../../db/subscriptions/admitted-entries.ts";
import { usageOfEnd, usageOfEnds } from "../accounts/usage.ts";
import {
  type EndDeliveries,
  endDeliveries,
  endDeliveriesOf,
  type SetEndDeliveries,
} from "../webhooks/events.ts";
import { countedEnd } from "./job-counts.ts";

const DAY_MS = 24 * 60 * 60_000;

/**
 * Everything that is written together with the end of a job: usage, statistics, the expiry of its file, and notifications.
 *
 * @param job as it is after the move that ends it
 */
export function endOf(context: RequestContext, job: JobRow): EndDeliveries {
  const deliveries = endDeliveries(context, job);
  const isKept = job.status === "Completed" && job.storage_source === "managed";
  const retention = { now: context.clock(), dayMs: DAY_MS, days: context.config.retentionDays };
  return {
    ...deliveries,
    guardedStatements: [
      ...usageOfEnd(context, job),
      ...endOfEntry(context, job),
      countEnd(countedEnd(job, context.clock())),
      ...(isKept ? [setExpiry(job.id, retention)] : []),
      ...deliveries.guardedStatements,
    ],
  };
}

/**
 * The same for many jobs of one account and one key that end in the same way and without a delivery.
 *
 * @param jobs as they are after the move that ends them
 */
export function endsOf(context: RequestContext, jobs: readonly JobRow[]): SetEndDeliveries {
  const [first] = jobs;
  if (!first) return { guardedStatements: [], deliveryIds: [] };
  const deliveries = endDeliveriesOf(context, jobs);
  const usage = usageOfEnds(
    context,
    first,
    jobs.map(({ id }) => id),
  );
  const counts = countEnds(jobs.map((job) => countedEnd(job, context.clock())));
  return { ...deliveries, guardedStatements: [...usage, counts, ...deliveries.guardedStatements] };
}

/** Reasons that may pass: the subscription of the job looks at the entry again. */
const PASSING: readonly JobErrorCode[] = [
  "private",
  "members_only",
  "upcoming",
  "live",
  "not_live",
  "login_required",
];
/** The entry is looked at again after this, doubled each further time, in milliseconds. */
const FIRST_CHECK_MS = 60 * 60_000;
const LONGEST_CHECK_MS = 24 * 60 * 60_000;
/** Almost a month. */
const MAX_CHECKS = 30;

/** What the subscription of a job records of its entry; nothing for other jobs. */
function endOfEntry(context: RequestContext, job: JobRow): GuardedStatement[] {
  const { subscription_id: subscriptionId } = job.request;
  if (typeof subscriptionId !== "string") return [];
  const isDelivered = job.status === "Completed";
  const mayPass = job.status === "Warning" && job.error_code !== null && PASSING.includes(job.error_code);
  const end = {
    jobId: job.id,
    subscriptionId,
    status: isDelivered ? ("delivered" as const) : ("failed" as const),
    reason: isDelivered ? null : job.error_code,
    again: mayPass
      ? { firstMs: FIRST_CHECK_MS, longestMs: LONGEST_CHECK_MS, jobId: context.newId(), maxTries: MAX_CHECKS }
      : null,
    now: context.clock(),
  };
  return [settleEntry(end), noteEntryEnd(end)];
}
