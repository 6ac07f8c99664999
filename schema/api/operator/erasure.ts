import { z } from "zod";
import { Id, Time } from "../../ids.ts";
import { PageQuery } from "../account.ts";

/** The erasure of an account, and its receipt. */

/** In this order; `done` is the end. */
export const ERASURE_PHASES = [
  "closing",
  "subscriptions",
  "unfinished_jobs",
  "jobs",
  "objects",
  "rows",
  "account",
  "done",
] as const;
export type ErasurePhase = (typeof ERASURE_PHASES)[number];

/** What is counted. */
export const ERASED_KINDS = [
  "objects",
  "jobs",
  "job_metadata",
  "job_media",
  "job_credentials",
  "job_counts",
  "batches",
  "batch_listings",
  "subscriptions",
  "subscription_entries",
  "webhook_deliveries",
  "webhook_endpoints",
  "idempotency_keys",
  "api_keys",
  "key_usage",
  "storage_credentials",
  "storage_pauses",
  "cookie_jars",
  "accounts",
] as const;
/** What is kept under the erasure's id, and what this service cannot delete. */
export const KEPT_KINDS = [
  "usage_months",
  "audit_entries",
  "files_in_own_storage",
  "files_in_inline_storage",
] as const;
export type ErasureCounts = Partial<Record<string, number>>;

export const KEPT_BECAUSE = {
  usage_months:
    "Jobs and bytes by month, without the account's id: invoices are based on them, and the law demands that they are kept",
  audit_entries:
    "What was done and when, without the account's id, names and details: shows that the operator acted correctly",
  files_in_own_storage: "They are in the caller's storage: their deletion was not requested, or it refused",
  files_in_inline_storage: "Their credentials came with the jobs and were erased when these ended",
} as const satisfies Record<(typeof KEPT_KINDS)[number], string>;

export const ErasureQuery = z.strictObject({
  own_storage: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .describe(
      "`true`: also delete the files that were delivered to the account's own storage; default: `false`",
    ),
});

export const Erasure = z
  .object({
    id: Id.describe("Stands in for the account's id in what is kept"),
    status: z.enum(["running", "finished"]),
    phase: z.enum(ERASURE_PHASES).describe("What is being erased"),
    account_id: Id.nullable().describe("Null at the end: the receipt no longer names it"),
    own_storage: z.boolean().describe("Whether files in the account's own storage are deleted, too"),
    erased: z
      .array(z.object({ kind: z.enum(ERASED_KINDS), count: z.int().min(0) }))
      .describe("Rows and objects that were erased so far"),
    kept: z
      .array(z.object({ kind: z.enum(KEPT_KINDS), count: z.int().min(0), why: z.string() }))
      .describe("What was not erased, and why"),
    last_error: z
      .string()
      .nullable()
      .describe("Why the last step has to be tried again; null if it does not"),
    requested_at: Time,
    finished_at: Time.nullable(),
  })
  .meta({ id: "Erasure" });
export type Erasure = z.infer<typeof Erasure>;

export const ErasureList = z
  .object({ erasures: z.array(Erasure), next_cursor: Id.nullable() })
  .meta({ id: "ErasureList" });
export const ErasureListQuery = PageQuery;
