import type { Scope } from "../../context.ts";
import { setExpiry } from "../../db/expiry-rows.ts";
import type { JobRow } from "../../db/job-rows.ts";
import { usageOfEnd, usageOfEnds } from "../accounts/usage.ts";
import { type EndNotices, endNotices, endNoticesOf, type SetEndNotices } from "../webhooks/events.ts";

const DAY_MS = 24 * 60 * 60_000;

/**
 * Everything of an account's that is written together with the end of a job: what it used, until when its file is
 * kept, and what is told.
 *
 * @param job as it is after the move that ends it
 */
export function endOf(scope: Scope, job: JobRow): EndNotices {
  const notices = endNotices(scope, job);
  const isKept = job.status === "Completed" && job.storage_source === "managed";
  const retention = { now: scope.clock(), dayMs: DAY_MS, days: scope.config.retentionDays };
  return {
    ...notices,
    companions: [
      ...usageOfEnd(scope, job),
      ...(isKept ? [setExpiry(job.id, retention)] : []),
      ...notices.companions,
    ],
  };
}

/**
 * The same for many jobs of one account and one key that end alike and without a delivery.
 *
 * @param jobs as they are after the move that ends them
 */
export function endsOf(scope: Scope, jobs: readonly JobRow[]): SetEndNotices {
  const [first] = jobs;
  if (!first) return { companions: [], deliveryIds: [] };
  const notices = endNoticesOf(scope, jobs);
  const usage = usageOfEnds(
    scope,
    first,
    jobs.map(({ id }) => id),
  );
  return { ...notices, companions: [...usage, ...notices.companions] };
}
