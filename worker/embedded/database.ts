import { DurableObject } from "cloudflare:workers";

/** One statement with its parameters. */
export interface Query {
  readonly sql: string;
  readonly params: readonly SqlStorageValue[];
}

/** What a statement returned. */
export interface Rows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlStorageValue[])[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Size of the database, in bytes. */
  readonly size: number;
}

/**
 * The database of a self-hosted installation: SQLite in a Durable Object, which replaces D1. Several statements run as one
 * transaction, as D1's batches do.
 */
export class Database extends DurableObject {
  /** @throws Error with SQLite's words; nothing was written then */
  query(queries: readonly Query[]): Rows[] {
    return queries.length === 1
      ? queries.map((query) => this.#run(query))
      : this.ctx.storage.transactionSync(() => queries.map((query) => this.#run(query)));
  }

  #run({ sql, params }: Query): Rows {
    const cursor = this.ctx.storage.sql.exec(sql, ...params);
    const rows = Array.from(cursor.raw());
    const { columnNames: columns, rowsRead, rowsWritten } = cursor;
    return { columns, rows, rowsRead, rowsWritten, size: this.ctx.storage.sql.databaseSize };
  }
}
