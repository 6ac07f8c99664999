import { Column, fillPlaceholders, getTableColumns, type Query, type Table } from "drizzle-orm";
import type { Db } from "../connection.ts";

/**
 * A query whose text is built once and not with each use: for a table as wide as the one of jobs, that takes longer than
 * anything else in a request.
 *
 * @param build makes the query, with `sql.placeholder("name")` for each value that differs
 * @returns makes the statement for the values of its placeholders
 */
export function prepareQuery(
  build: (db: Db) => { toSQL(): Query },
): (db: Db, values: Readonly<Record<string, unknown>>) => D1PreparedStatement {
  let built: Query | undefined;
  return (db, values) => {
    built ??= build(db).toSQL();
    const params = fillPlaceholders(built.params, values);
    return db.$client.prepare(built.sql).bind(...params);
  };
}

/** Reads rows that hold all columns of a table in the order of its definition, as `select().from(table)` returns them. */
export function createRowReader<T extends Table>(table: T): (row: readonly unknown[]) => T["$inferSelect"] {
  const columns = Object.entries<Column>(getTableColumns(table)).map(([name, column]) => ({
    name,
    // most columns hold what the database returns
    decoder: column.mapFromDriverValue === Column.prototype.mapFromDriverValue ? null : column,
  }));
  const empty: Readonly<Record<string, unknown>> = Object.fromEntries(
    columns.map(({ name }) => [name, null]),
  );
  return (row) => {
    const read: Record<string, unknown> = { ...empty };
    for (const [index, { name, decoder }] of columns.entries()) {
      const value = row[index] ?? null;
      read[name] = value === null || decoder === null ? value : decoder.mapFromDriverValue(value);
    }
    return read;
  };
}
