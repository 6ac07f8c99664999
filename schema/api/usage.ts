import { z } from "zod";
import { Id } from "../ids.ts";

const gigabytes = z.number().min(0).describe("In units of 1,073,741,824 bytes, rounded to two decimals");
const period = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month like 2026-11")
  .describe("A month, in UTC")
  .meta({ example: "2026-11" });

/** Query of the usage routes; the default is the current month. */
export const UsageQuery = z.object({ period: period.optional() });

/** What is counted; unfinished jobs count in the current month. */
const counted = {
  usage_count: z.int().min(0).describe("Jobs that ended in this month, and unfinished jobs"),
  storage_usage_gb: gigabytes.describe("Delivered in this month"),
  storage_reserved_gb: gigabytes.describe("Reserved for unfinished jobs"),
};

/** `GET /usage`: a month of the account. The limits are present for accounts that have them. */
export const Usage = z
  .object({
    client_name: z.string(),
    period,
    ...counted,
    storage_effective_usage_gb: gigabytes.describe("The sum of both; the quota limits it"),
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

/** `GET /usage/keys`: every key of the account. Calls through a marketplace's gateway carry no key and are not included. */
export const KeyUsageList = z.object({ period, keys: z.array(KeyUsage) }).meta({ id: "KeyUsageList" });
export type KeyUsageList = z.infer<typeof KeyUsageList>;

/** `GET /admin/accounts/{id}/usage` */
export const AccountUsage = Usage.extend({ account_id: Id, keys: z.array(KeyUsage) }).meta({
  id: "AccountUsage",
});
export type AccountUsage = z.infer<typeof AccountUsage>;
