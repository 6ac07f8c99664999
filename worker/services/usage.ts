import type { Limits } from "../../schema/api/account.ts";
import type { Usage } from "../../schema/api/usage.ts";
import { findAccount } from "../db/account-rows.ts";
import type { Companion } from "../db/job-moves.ts";
import type { JobRow } from "../db/job-rows.ts";
import { type Allowance, readUsage, settleUsage } from "../db/usage-rows.ts";
import { ApiError, notFound } from "../lib/api-error.ts";
import type { Scope } from "../services.ts";
import type { Account } from "./key-cache.ts";

const GIGABYTE = 1024 ** 3;
const MEGABYTE = 1024 ** 2;
/** Held for a job of an account with a quota and no limit of file size; the run may deliver no more. */
const DEFAULT_RESERVATION_BYTES = 8 * GIGABYTE;
/** Nobody knows when a job ends; whoever asks again after this long finds out soon. */
const TOO_MANY_JOBS_RETRY_SECONDS = 10;

/** The month of a time, in UTC. @example monthOf(Date.UTC(2026, 10, 24)) // "2026-11" */
export const monthOf = (time: number): string => new Date(time).toISOString().slice(0, 7);

/** What the database holds an account to when it accepts jobs; null for accounts without limits. */
export function allowanceOf(scope: Scope, { id, limits }: Account): Allowance | null {
  const { max_concurrent_jobs: maxUnfinished = null, storage_bytes: bytes = null } = limits;
  if (maxUnfinished === null && bytes === null) return null;
  const bytesPerJob = limits.max_filesize_bytes ?? DEFAULT_RESERVATION_BYTES;
  return {
    accountId: id,
    month: monthOf(scope.clock()),
    maxUnfinished,
    quota: bytes === null ? null : { bytes, bytesPerJob },
  };
}

/** Why jobs were not accepted. @throws ApiError `too_many_jobs` or `quota_exceeded`, always */
export async function refuseJobs(scope: Scope, allowance: Allowance, newJobs: number): Promise<never> {
  const { accountId, month, maxUnfinished, quota } = allowance;
  const { deliveredBytes, reservedBytes, unfinishedJobs } = await readUsage(scope.db, accountId, month);
  if (quota && quota.bytes - deliveredBytes - reservedBytes < newJobs) {
    const limit_gb = hundredths(quota.bytes);
    const used_gb = hundredths(deliveredBytes + reservedBytes);
    const message = `${used_gb} GB of ${limit_gb} GB are delivered in this month or held for unfinished jobs`;
    throw new ApiError("quota_exceeded", { details: { limit_gb, used_gb, message } });
  }
  throw new ApiError("too_many_jobs", {
    sentence: `${unfinishedJobs} jobs are not finished; this account may have ${maxUnfinished}`,
    retryAfterSeconds: TOO_MANY_JOBS_RETRY_SECONDS,
  });
}

/** Counts a job that ends. @param job as it is after the move that ends it */
export function usageOfEnd(scope: Scope, { account_id, status, file_size }: JobRow): Companion {
  const now = scope.clock();
  return settleUsage(account_id, monthOf(now), status === "Completed" ? (file_size ?? 0) : 0, now);
}

/** What a run may deliver at most, in bytes: the account's limit, and what its quota holds for the job. */
export function maxFilesizeOf(limits: Limits | null, reservedBytes: number | null): number | null {
  const caps = [limits?.max_filesize_bytes, reservedBytes].filter((cap) => typeof cap === "number");
  return caps.length === 0 ? null : Math.min(...caps);
}

/** The account's usage of this month. @throws ApiError `not_found` */
export async function viewUsage(scope: Scope, accountId: string): Promise<Usage> {
  const account = await findAccount(scope.db, accountId);
  if (!account) throw notFound();
  const used = await readUsage(scope.db, accountId, monthOf(scope.clock()));
  const effective = used.deliveredBytes + used.reservedBytes;
  const { storage_bytes, max_resolution, max_duration_seconds, max_filesize_bytes, max_concurrent_jobs } =
    account.limits;
  return {
    client_name: account.name,
    usage_count: used.endedJobs + used.unfinishedJobs,
    storage_usage_gb: gigabytes(used.deliveredBytes),
    storage_reserved_gb: gigabytes(used.reservedBytes),
    storage_effective_usage_gb: gigabytes(effective),
    ...ifLimited(storage_bytes, (bytes) => ({
      storage_limit_gb: gigabytes(bytes),
      storage_limit_bytes: bytes,
      storage_remaining_gb: gigabytes(Math.max(0, bytes - effective)),
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

const ifLimited = <T>(limit: number | null | undefined, tell: (limit: number) => T): T | undefined =>
  typeof limit === "number" ? tell(limit) : undefined;

const hundredths = (bytes: number): string => (bytes / GIGABYTE).toFixed(2);
const gigabytes = (bytes: number): number => Number(hundredths(bytes));
