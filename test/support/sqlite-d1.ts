import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { createLocalD1 } from "../../worker/embedded/local-d1.ts";

const MIGRATIONS = fileURLToPath(new URL("../../schema/db/migrations/", import.meta.url));

/** How a call fails: it never reaches the database, or the database executed it and its response is lost. */
export type Failure = "refused" | "answer_lost";

/** The migrated database in memory, in Node: what D1 runs on, with counters and failures on demand. */
export class SqliteD1 {
  readonly database = new DatabaseSync(":memory:");
  /** Statements so far that only read, and those that write. */
  reads = 0;
  writes = 0;
  /** Asked before each call. */
  failureOf: () => Failure | null = () => null;
  readonly #prepared = new Map<string, ReturnType<DatabaseSync["prepare"]>>();

  constructor() {
    for (const file of readdirSync(MIGRATIONS)
      .filter((name) => name.endsWith(".sql"))
      .sort()) {
      const statements = readFileSync(MIGRATIONS + file, "utf8").split("--> statement-breakpoint");
      for (const statement of statements) this.database.exec(statement);
    }
  }

  readonly binding = createLocalD1(async (queries) => {
    const failure = this.failureOf();
    if (failure === "refused") throw new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.");
    this.database.exec("begin");
    try {
      const results = queries.map(({ sql, params }) => this.#run(sql, params as SQLInputValue[]));
      this.database.exec("commit");
      if (failure === "answer_lost") throw new LostAnswerError("D1_ERROR: Network connection lost.");
      return results;
    } catch (error) {
      if (!(error instanceof LostAnswerError)) this.database.exec("rollback");
      throw error;
    }
  });

  /** Rows of a question of the test. */
  all<T>(sql: string, ...params: SQLInputValue[]): T[] {
    return this.database.prepare(sql).all(...params) as T[];
  }

  #run(sql: string, params: readonly SQLInputValue[]) {
    if (/^\s*select/i.test(sql)) this.reads += 1;
    else this.writes += 1;
    const statement = this.#prepared.get(sql) ?? this.database.prepare(sql);
    this.#prepared.set(sql, statement);
    statement.setReturnArrays(true);
    const rows = statement.all(...params) as unknown as (readonly (string | number | null)[])[];
    const columns = statement.columns().map(({ name }) => name ?? "");
    return { rows, columns, facts: { rowsRead: 0, rowsWritten: 0, changes: 0, size: 0 } };
  }
}

class LostAnswerError extends Error {}
