import { DurableObject } from "cloudflare:workers";
import { type Query, type Rows, type Task, takeGroup } from "./group-commit.ts";

/**
 * The database of a self-hosted installation: SQLite in a Durable Object, which replaces D1. Several statements run as one
 * transaction, as D1's batches do.
 */
export class Database extends DurableObject {
  /**
   * Runs the tasks of a group, each as a transaction of its own, and records the result of each. They are written to the
   * disk together, and the call returns only after that.
   */
  run(group: number): void {
    for (const task of takeGroup(group)) {
      try {
        task.results = this.#runTask(task);
      } catch (error) {
        task.error = error;
      }
    }
  }

  /** @throws Error with SQLite's words; nothing was written then */
  #runTask({ queries }: Task): Rows[] {
    return queries.length === 1
      ? queries.map((query) => this.#runQuery(query))
      : this.ctx.storage.transactionSync(() => queries.map((query) => this.#runQuery(query)));
  }

  #runQuery({ sql, params, wants }: Query): Rows {
    const { sql: database } = this.ctx.storage;
    const cursor = database.exec(sql, ...params);
    const rows = Array.from(cursor.raw());
    if (wants === "rows") return { rows };
    const columns = cursor.columnNames;
    if (wants === "columns") return { rows, columns };
    const { rowsRead, rowsWritten } = cursor;
    const [[changes] = [0]] = database.exec("select changes()").raw<[number]>();
    return { rows, columns, facts: { rowsRead, rowsWritten, changes, size: database.databaseSize } };
  }
}
