import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { FINAL_STATUSES } from "../../states.ts";
import { time } from "./columns.ts";

/** What ended in a month, per account; what is unfinished is counted from the jobs themselves. */
export const usage = sqliteTable(
  "usage",
  {
    account_id: text("account_id").notNull(),
    /** UTC. @example "2026-11" */
    month: text("month").notNull(),
    jobs: integer("jobs").notNull(),
    delivered_bytes: integer("delivered_bytes").notNull(),
    /** When the last job ended; strictly increasing. The fair queue orders accounts by it. */
    last_end_at: time("last_end_at"),
  },
  (table) => [primaryKey({ columns: [table.account_id, table.month] })],
);

/** What ended in a month, per key. */
export const keyUsage = sqliteTable(
  "key_usage",
  {
    key_id: text("key_id").notNull(),
    /** UTC. @example "2026-11" */
    month: text("month").notNull(),
    account_id: text("account_id").notNull(),
    jobs: integer("jobs").notNull(),
    delivered_bytes: integer("delivered_bytes").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.key_id, table.month] }),
    index("key_usage_account").on(table.account_id, table.month),
  ],
);

/**
 * How many ended jobs are stored, by account and status, so that no list has to count them. Triggers of the table of jobs
 * write it (see the migration that made it), with every statement that stores, ends or removes a job.
 */
export const jobCounts = sqliteTable(
  "job_counts",
  {
    account_id: text("account_id").notNull(),
    status: text("status", { enum: FINAL_STATUSES }).notNull(),
    jobs: integer("jobs").notNull(),
  },
  (table) => [primaryKey({ columns: [table.account_id, table.status] })],
);
