import { getTableColumns, SQL, sql, type Table } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";
import { jobs } from "../../schema/db/tables/jobs.ts";

/** One value for each column of a table, in order, as an insert from a selection needs them; SQL is used unchanged. */
export const rowValues = (table: Table, row: Readonly<Record<string, unknown>>): SQL =>
  sql.join(
    Object.entries(getTableColumns(table)).map(([name, column]) => {
      const value = row[name] ?? null;
      return value === null || value instanceof SQL ? sql`${value}` : sql`${sql.param(value, column)}`;
    }),
    sql`, `,
  );

/** A condition that holds while one of the two does. */
export const eitherOf = (one: SQL, other: SQL): SQL => sql`(${one} or ${other})`;

/** True for a text that begins with the prefix; case-sensitive. */
export const startsWith = (column: SQLiteColumn, prefix: string): SQL =>
  sql`substr(${column}, 1, ${prefix.length}) = ${prefix}`;

/** The position of the last end of a batch's jobs; 0 before the first. */
export const lastEnd = (batchId: unknown): SQL =>
  sql`(select coalesce(max(latest.end_index), 0) from ${jobs} as latest
    where latest.batch_id = ${batchId} and latest.end_index is not null)`;
