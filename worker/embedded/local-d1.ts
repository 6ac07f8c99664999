import type { Query, Rows } from "./database.ts";

/** Runs statements as one transaction; the results have their order. */
export type RunQueries = (queries: readonly Query[]) => Promise<readonly Rows[]>;

/**
 * The part of D1's interface that the Worker uses, over {@link RunQueries}. There is one database and no replica, so a
 * session sees every write and needs no bookmark.
 */
export function createLocalD1(run: RunQueries): D1Database {
  const session = {
    prepare: (sql: string) => new LocalStatement(run, sql, []),
    async batch(statements: readonly LocalStatement[]) {
      const results = await run(statements.map(({ query }) => query));
      return results.map(resultOf);
    },
    getBookmark: () => null,
  };
  return { ...session, withSession: () => session } as unknown as D1Database;
}

class LocalStatement {
  readonly query: Query;
  readonly #run: RunQueries;

  constructor(run: RunQueries, sql: string, params: Query["params"]) {
    this.#run = run;
    this.query = { sql, params };
  }

  bind(...values: unknown[]): LocalStatement {
    return new LocalStatement(this.#run, this.query.sql, values.map(parameterOf));
  }

  async all(): Promise<unknown> {
    return resultOf(await this.#rows());
  }

  run(): Promise<unknown> {
    return this.all();
  }

  async raw(): Promise<unknown> {
    return (await this.#rows()).rows;
  }

  async #rows(): Promise<Rows> {
    const [rows] = await this.#run([this.query]);
    if (rows === undefined) throw new Error("The database returned no result");
    return rows;
  }
}

/** @throws TypeError for a value that D1 refuses, too */
function parameterOf(value: unknown): SqlStorageValue {
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  throw new TypeError(`A parameter of type ${typeof value} is not supported`);
}

const resultOf = ({ columns, rows, rowsRead, rowsWritten, size }: Rows) => ({
  success: true,
  results: rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null]))),
  meta: { rows_read: rowsRead, rows_written: rowsWritten, size_after: size },
});
