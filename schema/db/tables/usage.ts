import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
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
