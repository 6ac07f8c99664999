import { z } from "zod";

const gigabytes = z.number().min(0).describe("In units of 1,073,741,824 bytes, to the hundredth");

/** `GET /usage`: the present month, in UTC. The limits are present for accounts that have them. */
export const Usage = z
  .object({
    client_name: z.string(),
    usage_count: z.int().min(0).describe("Jobs that ended in this month, and those that are not finished"),
    storage_usage_gb: gigabytes.describe("Delivered in this month"),
    storage_reserved_gb: gigabytes.describe("Held for jobs that are not finished"),
    storage_effective_usage_gb: gigabytes.describe("Both together: what the quota is compared with"),
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
