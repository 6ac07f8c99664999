import journal from "./migrations/meta/_journal.json" with { type: "json" };

/**
 * Name of the migration that this version needs most recently, as the database records it.
 *
 * @example "0011_details.sql"
 */
export const NEWEST_MIGRATION: string = `${journal.entries.at(-1)?.tag}.sql`;
