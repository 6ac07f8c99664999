import type { Limits } from "../../../schema/api/account.ts";
import type { AccountUsage, KeyUsage, KeyUsageList, Usage } from "../../../schema/api/usage.ts";
import type { RequestContext } from "../../context.ts";
import type { AccountRow } from "../../db/account-rows.ts";
import type { GuardedSetStatement, GuardedStatement } from "../../db/guarded-statements.ts";
import type { JobRow } from "../../db/job-rows.ts";
import {
  type Allowance,
  readKeyUsage,
  readUsage,
  settleKeyUsage,
  settleKeyUsageOf,
  settleUsage,
  settleUsageOf,
  type Used,
} from "../../db/usage-rows.ts";
import { ApiError } from "../../lib/api-error.ts";
import { requireAccount } from "./accounts.ts";
import { billedUsage, unixSeconds } from "./billing.ts";
import type { Account } from "./key-cache.ts";

const GIGABYTE = 1024 ** 3;
const MEGABYTE = 1024 ** 2;
/** Reserved for a job of an account with a quota but without a limit of file size; the run may deliver no more. */
const DEFAULT_RESERVATION_BYTES = 8 * GIGABYTE;
/** An estimate, since the end of a job is not known beforehand. */
const TOO_MANY_JOBS_RETRY_SECONDS = 10;

/** The period of everything since the beginning. */
const ALL = "all";

/** The month of a time, in UTC. @example monthOf(Date.UTC(2026, 10, 24)) // "2026-11" */
export const monthOf = (time: number): string => new Date(time).toISOString().slice(0, 7);

/** The limits that the database enforces when it accepts jobs; null for accounts without limits. */
export function allowanceOf(context: RequestContext, { id, limits }: Account): Allowance | null {
  const { max_concurrent_jobs: maxConcurrent = null, storage_bytes: bytes = null } = limits;
  if (maxConcurrent === null && bytes === null) return null;
  const bytesPerJob = limits.max_filesize_bytes ?? DEFAULT_RESERVATION_BYTES;
  return {
    accountId: id,
    month: monthOf(context.clock()),
    maxConcurrent,
    quota: bytes === null ? null : { bytes, bytesPerJob },
  };
}

/** Why jobs were not accepted. @throws ApiError `too_many_jobs` or `quota_exceeded`, always */
export async function refuseJobs(
  context: RequestContext,
  allowance: Allowance,
  newJobs: number,
): Promise<never> {
  const { accountId, month, maxConcurrent, quota } = allowance;
  const { deliveredBytes, reservedBytes, concurrentJobs } = await readUsage(context.db, accountId, month);
  if (quota && quota.bytes - deliveredBytes - reservedBytes < newJobs) {
    const limit_gb = hundredths(quota.bytes);
    const used_gb = hundredths(deliveredBytes + reservedBytes);
    const message = `${used_gb} GB of ${limit_gb} GB were delivered this month or are reserved for unfinished jobs`;
    throw new ApiError("quota_exceeded", { details: { limit_gb, used_gb, message } });
  }
  throw new ApiError("too_many_jobs", {
    sentence: `${concurrentJobs} jobs are not finished; this account may have ${maxConcurrent}`,
    retryAfterSeconds: TOO_MANY_JOBS_RETRY_SECONDS,
  });
}

/** Counts a job that ends, for its account and its key. @param job after the move that ends it */
export function usageOfEnd(
  context: RequestContext,
  { account_id, key_id, status, file_size }: JobRow,
): GuardedStatement[] {
  const now = context.clock();
  const month = monthOf(now);
  const bytes = status === "Completed" ? (file_size ?? 0) : 0;
  const ofKey = key_id === null ? [] : [settleKeyUsage(account_id, key_id, month, bytes)];
  return [settleUsage(account_id, month, bytes, now), ...ofKey];
}

/** Counts jobs of one account and one key that end without a delivery. */
export function usageOfEnds(
  context: RequestContext,
  { account_id, key_id }: Pick<JobRow, "account_id" | "key_id">,
  jobIds: readonly string[],
): GuardedSetStatement[] {
  const month = monthOf(context.clock());
  const ofKey = key_id === null ? [] : [settleKeyUsageOf(account_id, key_id, month, jobIds)];
  return [settleUsageOf(account_id, month, jobIds), ...ofKey];
}

/** Largest delivery of a run, in bytes: the lower of the account's limit and the job's reservation. */
export function maxFilesizeOf(limits: Limits | null, reservedBytes: number | null): number | null {
  const caps = [limits?.max_filesize_bytes, reservedBytes].filter((cap) => typeof cap === "number");
  return caps.length === 0 ? null : Math.min(...caps);
}

/** The account's usage. @param period default: everything since the beginning. @throws ApiError `not_found` */
export async function viewUsage(context: RequestContext, accountId: string, period?: string): Promise<Usage> {
  return usageOf(context, await requireAccount(context, accountId), period ?? ALL);
}

/** Usage of each key of the account. @param period default: the current month */
export async function viewKeyUsage(
  context: RequestContext,
  accountId: string,
  period?: string,
): Promise<KeyUsageList> {
  const present = monthOf(context.clock());
  const month = period ?? present;
  const used = await readKeyUsage(context.db, accountId, month);
  return { period: month, keys: used.map((key) => viewKey(key, month === present)) };
}

/** Both, for the operator. @param period default: the current month. @throws ApiError `not_found` */
export async function viewAccountUsage(
  context: RequestContext,
  accountId: string,
  period?: string,
): Promise<AccountUsage> {
  const account = await requireAccount(context, accountId);
  const usage = await usageOf(context, account, period ?? monthOf(context.clock()));
  const { keys } = await viewKeyUsage(context, account.id, period);
  return { account_id: account.id, ...usage, keys };
}

function viewKey(
  { id, name, last4, ...used }: Used & { id: string; name: string; last4: string },
  isPresent: boolean,
): KeyUsage {
  const { jobs, delivered, reserved } = countsOf(used, isPresent);
  return {
    key_id: id,
    name,
    last4,
    usage_count: jobs,
    storage_usage_gb: gigabytes(delivered),
    storage_reserved_gb: gigabytes(reserved),
    storage_usage_bytes: delivered,
    storage_reserved_bytes: reserved,
  };
}

/** Unfinished jobs count in the current month, whenever they end. */
const countsOf = (
  { endedJobs, unfinishedJobs, deliveredBytes, reservedBytes }: Used,
  isPresent: boolean,
) => ({
  jobs: endedJobs + (isPresent ? unfinishedJobs : 0),
  delivered: deliveredBytes,
  reserved: isPresent ? reservedBytes : 0,
});

async function usageOf(context: RequestContext, account: AccountRow, period: string): Promise<Usage> {
  const present = monthOf(context.clock());
  const month = period === ALL ? present : period;
  const [used, billed] = await Promise.all([
    readUsage(context.db, account.id, month),
    billedUsage(context, account),
  ]);
  const inMonth = countsOf(used, month === present);
  const { jobs, delivered, reserved } = period === ALL ? countsOf({ ...used, ...used.total }, true) : inMonth;
  const effective = delivered + reserved;
  const { storage_bytes, max_resolution, max_duration_seconds, max_filesize_bytes, max_concurrent_jobs } =
    account.limits;
  return {
    client_name: account.name,
    period,
    usage_count: jobs,
    storage_usage_gb: gigabytes(delivered),
    storage_reserved_gb: gigabytes(reserved),
    storage_effective_usage_gb: gigabytes(effective),
    ...(billed && {
      current_period_usage_gb: gigabytes(billed.deliveredBytes),
      billing_period_start: unixSeconds(billed.start),
      billing_period_end: unixSeconds(billed.end),
    }),
    ...ifLimited(storage_bytes, (bytes) => ({
      storage_limit_gb: gigabytes(bytes),
      storage_limit_bytes: bytes,
      storage_remaining_gb: gigabytes(Math.max(0, bytes - inMonth.delivered - inMonth.reserved)),
    })),
    ...ifLimited(max_resolution, (pixels) => ({ max_resolution_limit: String(pixels) })),
    ...ifLimited(max_duration_seconds, (seconds) => ({ max_duration_limit_seconds: seconds })),
    ...ifLimited(max_filesize_bytes, (bytes) => ({
      max_filesize_limit_bytes: bytes,
      max_filesize_limit_mb: Math.round((bytes / MEGABYTE) * 100) / 100,
    })),
    ...ifLimited(max_concurrent_jobs, (jobs) => ({ max_concurrent_jobs: jobs })),
  };
}

const ifLimited = <T>(limit: number | null | undefined, report: (limit: number) => T): T | undefined =>
  typeof limit === "number" ? report(limit) : undefined;

const hundredths = (bytes: number): string => (bytes / GIGABYTE).toFixed(2);
const gigabytes = (bytes: number): number => Number(hundredths(bytes));
