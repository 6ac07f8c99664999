import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { json, time } from "./columns.ts";

/** Requests that must not be executed twice. */
export const idempotencyKeys = sqliteTable(
  "idempotency_keys",
  {
    account_id: text("account_id").notNull(),
    /** Method and path. */
    route: text("route").notNull(),
    key: text("key").notNull(),
    /** Tag of the body without the storage's secrets; hex SHA-256 of it in rows of former versions. */
    fingerprint: text("fingerprint").notNull(),
    /** The id of what the request creates, chosen before the work: a request that takes over the claim uses the same id. */
    resource_id: text("resource_id").notNull(),
    /** Until then the owner of the claim is assumed to be working. */
    lease_until: time("lease_until").notNull(),
    /** Null while the request is being executed. */
    status: integer("status"),
    body: json<Record<string, unknown>>("body"),
    created_at: time("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.account_id, table.route, table.key] }),
    index("idempotency_keys_age").on(table.created_at),
  ],
);
