import type { Readiness } from "../../../schema/api/health.ts";
import type { Scope } from "../../context.ts";
import { ping } from "../../db/connection.ts";

/** Asks each part that a job needs whether it answers. */
export async function readiness(scope: Scope): Promise<Readiness> {
  const [database, queue, { isolation: _isolation, tools: _tools, ...processor }] = await Promise.all([
    answers("the database", () => ping(scope.db)),
    answers("the queue", () => scope.hints.metrics()),
    scope.runner.health(),
  ]);
  const ready = database.ok && queue.ok && processor.ok;
  return { status: ready ? "ready" : "unavailable", parts: { database, queue, processor } };
}

async function answers(name: string, ask: () => Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  try {
    await ask();
    return { ok: true };
  } catch {
    return { ok: false, detail: `${name} does not answer` };
  }
}
