/** What a metered database reports about its statements. */
interface Meter {
  rowsRead: number;
}

/**
 * A D1 database that counts the rows its statements read, table and index entries alike. Results as arrays do not carry
 * this figure: such a query is then run a second time to get it, so time and rows must not be measured together.
 */
export class MeteredD1 {
  readonly #d1: D1Database;
  readonly #meter: Meter = { rowsRead: 0 };

  constructor(d1: D1Database) {
    this.#d1 = d1;
  }

  /** Rows that were read since the last call. */
  take(): number {
    const { rowsRead } = this.#meter;
    this.#meter.rowsRead = 0;
    return rowsRead;
  }

  /** Replaces the Worker's database. */
  get binding(): D1Database {
    const meter = this.#meter;
    const withSession = (anchor?: string) => {
      const session = this.#d1.withSession(anchor);
      return {
        getBookmark: () => session.getBookmark(),
        prepare: (query: string) => new MeteredStatement(query, session.prepare(query), meter),
        batch: async (statements: readonly MeteredStatement[]) => {
          const results = await session.batch(statements.map(({ statement }) => statement));
          for (const { meta } of results) note(meter, meta);
          return results;
        },
      };
    };
    return { withSession } as unknown as D1Database;
  }
}

function note(meter: Meter, meta: { readonly rows_read: number }): void {
  meter.rowsRead += meta.rows_read;
}

class MeteredStatement {
  readonly statement: D1PreparedStatement;
  readonly #query: string;
  readonly #meter: Meter;

  constructor(query: string, statement: D1PreparedStatement, meter: Meter) {
    this.#query = query;
    this.statement = statement;
    this.#meter = meter;
  }

  bind(...values: unknown[]): MeteredStatement {
    return new MeteredStatement(this.#query, this.statement.bind(...values), this.#meter);
  }

  async all(): Promise<unknown> {
    const result = await this.statement.all();
    note(this.#meter, result.meta);
    return result;
  }

  async run(): Promise<unknown> {
    const result = await this.statement.run();
    note(this.#meter, result.meta);
    return result;
  }

  async raw(): Promise<unknown> {
    const result = await this.statement.all<Record<string, unknown>>();
    note(this.#meter, result.meta);
    const changesNothing = /^\s*(select|with)\b/i.test(this.#query);
    // columns with equal names collapse in objects; writes return columns with different names
    return changesNothing ? this.statement.raw() : result.results.map((row) => Object.values(row));
  }
}
