import { z } from "zod";
import { Id } from "../ids.ts";

const gigabytes = z.number().min(0).describe("In units of 1,073,741,824 bytes, to the hundredth");
const period = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month like 2026-11")
  .describe("A month, in UTC")
  .meta({ example: "2026-11" });

/** Query of the usage routes; by default the present month. */
export const UsageQuery = z.object({ period: period.optional() });

/** What is counted; jobs that are not finished count in the present month. */
const counted = {
  usage_count: z.int().min(0).describe("Jobs that ended in this month, and those that are not finished"),
  storage_usage_gb: gigabytes.describe("Delivered in this month"),
  storage_reserved_gb: gigabytes.describe("Reserved for jobs that are not finished"),
};

/** `GET /usage`: a month of the account. The limits are present for accounts that have them. */
export const Usage = z
  .object({
    client_name: z.string(),
    period,
    ...counted,
    storage_effective_usage_gb: gigabytes.describe("Sum of both, which the quota limits"),
    storage_limit_gb: gigabytes.optional(),
    storage_limit_bytes: z.int().min(0).optional(),
    storage_remaining_gb: gigabytes.optional(),
    max_resolution_limit: z.string().optional().meta({ example: "1080" }),
    max_duration_limit_seconds: z.int().optional(),
    max_filesize_limit_bytes: z.int().optional(),
    max_filesize_limit_mb: z.number().optional().describe("In units of 1,048,576 bytes"),
    max_concurrent_jobs: z.int().optional(),
  })
  .meta({ id: "Usage" });
export type Usage = z.infer<typeof Usage>;

/** What one key used in a month. */
export const KeyUsage = z
  .object({
    key_id: Id,
    name: z.string(),
    last4: z.string(),
    ...counted,
    storage_usage_bytes: z.int().min(0),
    storage_reserved_bytes: z.int().min(0),
  })
  .meta({ id: "KeyUsage" });
export type KeyUsage = z.infer<typeof KeyUsage>;

/** `GET /usage/keys`: every key of the account; calls through a marketplace's gateway carry none and are not in it. */
export const KeyUsageList = z.object({ period, keys: z.array(KeyUsage) }).meta({ id: "KeyUsageList" });
export type KeyUsageList = z.infer<typeof KeyUsageList>;

/** `GET /admin/accounts/{id}/usage` */
export const AccountUsage = Usage.extend({ account_id: Id, keys: z.array(KeyUsage) }).meta({
  id: "AccountUsage",
});
export type AccountUsage = z.infer<typeof AccountUsage>;
