import { integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { time } from "./columns.ts";

/**
 * How many jobs ended since the installation began, for the operator's metrics. Sites, storages and outcomes are few, so
 * there are some hundred rows at most; the write that ends a job counts it.
 */
export const endCounts = sqliteTable(
  "end_counts",
  {
    /** See `schema/telemetry/site.ts`. @example "youtube" */
    site: text("site").notNull(),
    /** The provider, or `managed` for the operator's bucket. */
    storage: text("storage").notNull(),
    /** `completed`, or the job's error code. */
    outcome: text("outcome").notNull(),
    jobs: integer("jobs").notNull(),
    bytes: integer("bytes").notNull(),
    /** Sum of the times from acceptance to end. */
    seconds: real("seconds").notNull(),
    /** How many of the jobs took at most that many seconds: the bounds of `SECONDS_BUCKETS`. */
    within_1: integer("within_1").notNull(),
    within_5: integer("within_5").notNull(),
    within_15: integer("within_15").notNull(),
    within_60: integer("within_60").notNull(),
    within_300: integer("within_300").notNull(),
    within_900: integer("within_900").notNull(),
    within_3600: integer("within_3600").notNull(),
    within_14400: integer("within_14400").notNull(),
    /** Sums of the times of each stage; of jobs that were delivered. */
    queue_ms: integer("queue_ms").notNull(),
    extract_ms: integer("extract_ms").notNull(),
    download_ms: integer("download_ms").notNull(),
    mux_ms: integer("mux_ms").notNull(),
    upload_ms: integer("upload_ms").notNull(),
  },
  (table) => [primaryKey({ columns: [table.site, table.storage, table.outcome] })],
);

/** Counters of the former version, which had no exits. Only that version reads and writes it. */
export const siteRuns = sqliteTable(
  "site_runs",
  {
    /** Start of the five minutes in which the runs ended. */
    period: time("period").notNull(),
    site: text("site").notNull(),
    /** `completed`, or the error code of the run. */
    outcome: text("outcome").notNull(),
    runs: integer("runs").notNull(),
  },
  (table) => [primaryKey({ columns: [table.period, table.site, table.outcome] })],
);

/** How runs ended in the last day, by site and exit, failures that are retried included: what `GET /status` says. */
export const exitRuns = sqliteTable(
  "exit_runs",
  {
    /** Start of the five minutes in which the runs ended. */
    period: time("period").notNull(),
    /** See `schema/telemetry/site.ts`. */
    site: text("site").notNull(),
    exit: text("exit").notNull(),
    /** `completed`, or the error code of the run. */
    outcome: text("outcome").notNull(),
    /** Runs that ended so, counted with their last exit. */
    runs: integer("runs").notNull(),
    /** Tries with this exit that ended so. A run that was refused by one exit and served by another tried both. */
    tries: integer("tries").notNull(),
    /** When the last of them ended. */
    last_at: time("last_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.period, table.site, table.exit, table.outcome] })],
);
