import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { time } from "./columns.ts";

/** Pauses of the former version, which had no exits. Only that version reads and writes it. */
export const sourceBackoff = sqliteTable("source_backoff", {
  /** Host name, as in the jobs' URLs, without a port; in a pool, the name of the processor whose address was refused follows. */
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

/** Exits that the operator keeps through `/admin/exits`; those of `EXITS` have no row. */
export const exits = sqliteTable("exits", {
  name: text("name").primaryKey(),
  /** The proxy's URL with credentials, sealed for the name; null: the processor's own address. */
  sealed_url: text("sealed_url"),
  /** The same without name and password, to be shown. @example "socks5://proxy.example:1080" */
  shown_url: text("shown_url").notNull(),
  country: text("country"),
  cost_per_gb: real("cost_per_gb").notNull(),
  max_runs: integer("max_runs"),
  enabled: integer("enabled", { mode: "boolean" }).notNull(),
  created_at: time("created_at").notNull(),
  updated_at: time("updated_at").notNull(),
});

/**
 * How each site treats each exit. A pair without a row has refused nothing lately. Rules: `pair-health.ts` in
 * `worker/services/exits/`.
 */
export const exitHealth = sqliteTable(
  "exit_health",
  {
    /** A name of `schema/telemetry/site.ts`, or the host. */
    site: text("site").notNull(),
    /** The exit's name; of a processor's own address in a pool, the processor's name follows. */
    exit: text("exit").notNull(),
    strikes: integer("strikes").notNull(),
    faults: integer("faults").notNull(),
    until: time("until").notNull(),
    probe_until: time("probe_until").notNull(),
    /** Runs per minute; null: without limit. */
    pace: real("pace"),
    ceiling: real("ceiling"),
    next_at: time("next_at").notNull(),
    /** Error code of the last refusal. */
    reason: text("reason"),
    /** When it last went from open to closed or back. */
    changed_at: time("changed_at").notNull(),
    /** The state that was last reported to the operator. */
    reported_open: integer("told_open", { mode: "boolean" }).notNull(),
    updated_at: time("updated_at").notNull(),
    /** Raised by each outcome, so that of two outcomes that read the same state one is dropped. */
    version: integer("version").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.site, table.exit] }),
    index("exit_health_updated").on(table.updated_at),
  ],
);
