import { sql } from "drizzle-orm";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";

/** The query builder over one D1 session. */
export type Db = DrizzleD1Database & { readonly $client: D1Database };

/** A query did not run: the database is unavailable, overloaded or refused the statement. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/** Where a session begins: at the nearest replica, at the primary, or at a bookmark of a former response. */
export type Anchor = "first-unconstrained" | "first-primary" | (string & {});

/**
 * One D1 session for one request: reads after writes see them, and calls are counted.
 * Replicas near the caller serve a session that begins unconstrained; {@link Connection.goToPrimary} asks the primary.
 */
export class Connection {
  readonly db: Db;
  /** Round trips so far. */
  calls = 0;
  /** Statements so far; a round trip may carry several. */
  statements = 0;
  #anchor: Anchor;
  #session: D1DatabaseSession;
  readonly #d1: D1Database;

  constructor(d1: D1Database, anchor: Anchor) {
    this.#d1 = d1;
    this.#anchor = anchor;
    this.#session = d1.withSession(anchor);
    this.db = drizzle(this.#client() as unknown as D1Database);
  }

  /** False if the session already began at the primary, so that asking again is pointless. */
  goToPrimary(): boolean {
    if (this.#anchor === "first-primary") return false;
    this.#anchor = "first-primary";
    this.#session = this.#d1.withSession(this.#anchor);
    return true;
  }

  /** To be sent by a client that wants to read its own writes; null before the first query. */
  get bookmark(): string | null {
    return this.#session.getBookmark();
  }

  /** The part of D1 that the query builder uses, metered. */
  #client() {
    const run: Metered = async (work, statements = 1) => {
      this.calls += 1;
      this.statements += statements;
      try {
        return await work();
      } catch (error) {
        throw new DatabaseError("the query did not run", { cause: error });
      }
    };
    return {
      prepare: (query: string) => new MeteredStatement(this.#session.prepare(query), run),
      batch: (statements: MeteredStatement[]) =>
        run(() => this.#session.batch(statements.map(({ statement }) => statement)), statements.length),
    };
  }
}

type Metered = <T>(work: () => Promise<T>, statements?: number) => Promise<T>;

class MeteredStatement {
  readonly statement: D1PreparedStatement;
  readonly #run: Metered;

  constructor(statement: D1PreparedStatement, run: Metered) {
    this.statement = statement;
    this.#run = run;
  }

  bind(...values: unknown[]): MeteredStatement {
    return new MeteredStatement(this.statement.bind(...values), this.#run);
  }
  all(): Promise<unknown> {
    return this.#run(() => this.statement.all());
  }
  raw(): Promise<unknown> {
    return this.#run(() => this.statement.raw());
  }
  run(): Promise<unknown> {
    return this.#run(() => this.statement.run());
  }
}

/** An empty query, to find out whether the database responds. @returns its size in bytes, if it is reported */
export async function ping(db: Db): Promise<number | null> {
  const { meta } = await db.run(sql`select 1`);
  return typeof meta.size_after === "number" ? meta.size_after : null;
}
