import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { time } from "./columns.ts";

/** Sources that limit or refuse requests. A row without a new strike for a day no longer counts. */
export const sourceBackoff = sqliteTable("source_backoff", {
  /** Host name, as in the jobs' URLs, without a port. */
  host: text("host").primaryKey(),
  /** Number of consecutive refusals after a pause. */
  strikes: integer("strikes").notNull(),
  /** No request is sent to it before this. */
  until: time("until").notNull(),
});

/** Storages that could not be reached or failed to store, by place. The columns mean the same as for sources. */
export const storageBackoff = sqliteTable("storage_backoff", {
  /** Provider, endpoint and bucket, as `storagePlaceOf` writes them. */
  place: text("place").primaryKey(),
  /** Number of consecutive failures after a pause. */
  strikes: integer("strikes").notNull(),
  /** Nothing is delivered to it before this. */
  until: time("until").notNull(),
});
