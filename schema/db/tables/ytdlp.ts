import { index, integer, primaryKey, real, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { TRIAL_STATES } from "../../wire/ytdlp-versions.ts";
import { time } from "./columns.ts";

/**
 * How a newer version of yt-dlp does at each site, next to the pinned one. Outcomes of runs add to the figures; rules:
 * `trial.ts` in `worker/services/ytdlp/`.
 */
export const ytdlpTrials = sqliteTable(
  "ytdlp_trials",
  {
    /** See `schema/telemetry/site.ts`. @example "youtube" */
    site: text("site").notNull(),
    /** Of the candidate. @example "2026.11.23" */
    version: text("version").notNull(),
    state: text("state", { enum: TRIAL_STATES }).notNull(),
    strikes: integer("strikes").notNull(),
    until: time("until").notNull(),
    probe_until: time("probe_until").notNull(),
    pinned_faults: real("pinned_faults").notNull(),
    candidate_faults: real("candidate_faults").notNull(),
    /** Runs that the candidate served since the state last changed. */
    served_since: integer("served_since").notNull(),
    /** Runs that tried the candidate, and those of them that it served, in all. */
    tries: integer("tries").notNull(),
    served: integer("served").notNull(),
    /** When the state last changed; 0: never. */
    changed_at: time("changed_at").notNull(),
    /** The state that was last reported to the operator. */
    reported_state: text("reported_state", { enum: TRIAL_STATES }).notNull(),
    updated_at: time("updated_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.site, table.version] }),
    index("ytdlp_trials_updated").on(table.updated_at),
  ],
);
