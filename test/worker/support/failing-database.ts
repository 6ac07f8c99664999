/** How a call fails: it never reaches the database, or the database executed it and its response is lost. */
export type Failure = "refused" | "answer_lost";

/** A D1 database whose calls fail when the test says so. */
export class FailingDatabase {
  /** Calls so far. */
  calls = 0;
  /** Asked before each call. */
  failureOf: (call: number) => Failure | null = () => null;
  readonly #d1: D1Database;

  constructor(d1: D1Database) {
    this.#d1 = d1;
  }

  /** Replaces the Worker's database. */
  get binding(): D1Database {
    const withSession = (anchor?: string) => {
      const session = this.#d1.withSession(anchor);
      return {
        getBookmark: () => session.getBookmark(),
        prepare: (query: string) => new FailingStatement(session.prepare(query), this.#call),
        batch: (statements: FailingStatement[]) =>
          this.#call(() => session.batch(statements.map(({ statement }) => statement))),
      };
    };
    return { withSession } as unknown as D1Database;
  }

  readonly #call: Call = async (work) => {
    this.calls += 1;
    const failure = this.failureOf(this.calls);
    if (failure === "refused") throw new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.");
    const result = await work();
    if (failure === "answer_lost") throw new Error("D1_ERROR: Network connection lost.");
    return result;
  };
}

type Call = <T>(work: () => Promise<T>) => Promise<T>;

class FailingStatement {
  readonly statement: D1PreparedStatement;
  readonly #call: Call;

  constructor(statement: D1PreparedStatement, call: Call) {
    this.statement = statement;
    this.#call = call;
  }

  bind(...values: unknown[]): FailingStatement {
    return new FailingStatement(this.statement.bind(...values), this.#call);
  }
  all(): Promise<unknown> {
    return this.#call(() => this.statement.all());
  }
  raw(): Promise<unknown> {
    return this.#call(() => this.statement.raw());
  }
  run(): Promise<unknown> {
    return this.#call(() => this.statement.run());
  }
}
