import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { time } from "./columns.ts";

/** Sources that asked to be left alone. A row without a new strike for a day says nothing any more. */
export const sourceBackoff = sqliteTable("source_backoff", {
  /** As in the jobs' URLs, without a port. */
  host: text("host").primaryKey(),
  /** Times in a row that the source refused after it had been left alone. */
  strikes: integer("strikes").notNull(),
  /** Nothing is asked of it before this. */
  until: time("until").notNull(),
});

/** Storages that could not be reached or did not store, by place. Read like the sources. */
export const storageBackoff = sqliteTable("storage_backoff", {
  /** Provider, endpoint and bucket, as `storagePlaceOf` writes them. */
  place: text("place").primaryKey(),
  /** Times in a row that it failed after it had been left alone. */
  strikes: integer("strikes").notNull(),
  /** Nothing is delivered to it before this. */
  until: time("until").notNull(),
});
