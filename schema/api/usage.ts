import { z } from "zod";
import { Id } from "../ids.ts";

const gigabytes = z.number().min(0).describe("In units of 1,073,741,824 bytes, rounded to two decimals");
const period = z
  .string()
  .regex(/^\d{4}-(0[1-9]|1[0-2])$/, "must be a month like 2026-11")
  .describe("A month, in UTC")
  .meta({ example: "2026-11" });

/** Query of `GET /usage`; without a period, everything since the beginning is counted. */
export const UsageQuery = z.object({ period: period.optional() });

/** Query of the other usage routes; the default is the current month. */
export const MonthQuery = z.object({ period: period.optional() });

/** What is counted; unfinished jobs count in the current month. */
const counted = {
  usage_count: z.int().min(0).describe("Jobs that ended in the period, and unfinished jobs"),
  storage_usage_gb: gigabytes.describe("Delivered in the period"),
  storage_reserved_gb: gigabytes.describe("Reserved for unfinished jobs"),
};

const seconds = z.int().min(0).optional();

/** `GET /usage`: the account's usage in a month or since the beginning. The limits are present for accounts that have them. */
export const Usage = z
  .object({
    client_name: z.string(),
    period: z
      .union([period, z.literal("all")])
      .describe("The month, in UTC; `all` for everything since the beginning"),
    ...counted,
    storage_effective_usage_gb: gigabytes.describe("The sum of both"),
    current_period_usage_gb: gigabytes
      .optional()
      .describe("Delivered in the current billing period; present if the operator set one"),
    billing_period_start: seconds.describe("When the current billing period began, in Unix seconds"),
    billing_period_end: seconds.describe("When the current billing period ends, in Unix seconds"),
    storage_limit_gb: gigabytes.optional().describe("Limit of what is delivered and reserved in a month"),
    storage_limit_bytes: z.int().min(0).optional(),
    storage_remaining_gb: gigabytes
      .optional()
      .describe("What is left of the limit in the month; with the period `all`, in the current month"),
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
