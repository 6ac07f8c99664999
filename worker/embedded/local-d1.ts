import type { Query, Rows, RunQueries } from "./group-commit.ts";

/**
 * The part of D1's interface that the Worker uses, over {@link RunQueries}. There is one database and no replica, so a
 * session sees every write and needs no bookmark.
 */
export function createLocalD1(run: RunQueries): D1Database {
  const session = {
    prepare: (sql: string) => new LocalStatement(run, sql, []),
    async batch(statements: readonly LocalStatement[]) {
      const results = await run(statements.map((statement) => statement.query("columns")));
      return results.map(resultOf);
    },
    getBookmark: () => null,
  };
  return { ...session, withSession: () => session } as unknown as D1Database;
}

class LocalStatement {
  readonly #run: RunQueries;
  readonly #sql: string;
  readonly #params: Query["params"];

  constructor(run: RunQueries, sql: string, params: Query["params"]) {
    this.#run = run;
    this.#sql = sql;
    this.#params = params;
  }

  query(wants: Query["wants"]): Query {
    return { sql: this.#sql, params: this.#params, wants };
  }

  bind(...values: unknown[]): LocalStatement {
    return new LocalStatement(this.#run, this.#sql, values.map(parameterOf));
  }

  async all(): Promise<unknown> {
    return resultOf(await this.#rows("columns"));
  }

  async run(): Promise<unknown> {
    return resultOf(await this.#rows("everything"));
  }

  async raw(): Promise<unknown> {
    return (await this.#rows("rows")).rows;
  }

  async #rows(wants: Query["wants"]): Promise<Rows> {
    const [rows] = await this.#run([this.query(wants)]);
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

/** Only a single statement by `run` has facts. */
function resultOf({ rows, columns = [], facts }: Rows) {
  return {
    success: true,
    results: rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index] ?? null]))),
    meta: facts
      ? {
          rows_read: facts.rowsRead,
          rows_written: facts.rowsWritten,
          changes: facts.changes,
          size_after: facts.size,
        }
      : {},
  };
}
