import { getTableColumns, SQL, sql, type Table } from "drizzle-orm";
import type { SQLiteColumn } from "drizzle-orm/sqlite-core";

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
