import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { platformFolder } from "../../../bin/stack/worker.ts";
import { JOB_ERRORS, type JobErrorCode, type Party } from "../../../schema/errors.ts";

/** Longer than any statement of the Worker. The origin runs in this process and is blocked while it waits. */
const BUSY_MS = 100;

/**
 * The database of a running stack, read and aged while the Worker uses it. Every call throws while the Worker keeps it
 * locked, as it does when it starts again after it was killed.
 */
export class StackDatabase {
  readonly #database: DatabaseSync;

  constructor(stateDir: string) {
    const folder = join(platformFolder(stateDir), "v3", "do", "miniflare-D1DatabaseObject");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const [file = ""] = files.filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name));
    this.#database = new DatabaseSync(join(folder, file), { timeout: BUSY_MS });
  }

  rows<T = Record<string, unknown>>(query: string): T[] {
    return this.#database.prepare(query).all() as T[];
  }

  count(query: string): number {
    return Number(Object.values(this.rows(query)[0] ?? {})[0]);
  }

  /** Which sources and storages the database blames for jobs that failed or wait for a retry. */
  blamed(): { readonly id: string; readonly code: JobErrorCode; readonly party: Party }[] {
    return this.rows<{ id: string; code: JobErrorCode }>(
      "select id, error_code as code from jobs where error_code is not null",
    ).map(({ id, code }) => ({ id, code, party: JOB_ERRORS[code].party }));
  }

  /** Acts as if the time had passed that jobs, sources, storages, events and claims of dead Workers wait for. */
  age(): void {
    this.#database.exec(`
      update jobs set due_at = 0, hint_due_at = 0 where status = 'Pending' and due_at is not null and due_at > 0;
      update webhook_deliveries set next_try_at = 0, hint_due_at = 0 where status = 'pending';
      update webhook_endpoints set paused_until = null, strikes = 0 where paused_until is not null;
      update batches set check_due_at = 0 where finished_at is null and check_due_at is not null;
      delete from exit_health;
      delete from storage_backoff;
    `);
  }

  /** Prevents all other writes until the returned function is called. */
  async lock(): Promise<() => void> {
    for (;;) {
      try {
        this.#database.exec("begin immediate");
        return () => this.#database.exec("rollback");
      } catch {
        await pause(20);
      }
    }
  }

  close(): void {
    this.#database.close();
  }
}
