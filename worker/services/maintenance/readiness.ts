import type { Readiness } from "../../../schema/api/health.ts";
import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";

/** Asks each part that a job needs whether it answers. */
export async function readiness(context: RequestContext): Promise<Readiness> {
  const [database, queue, { isolation: _isolation, tools: _tools, ...processor }] = await Promise.all([
    checkDependency("the database", () => ping(context.db)),
    checkDependency("the queue", () => context.dispatchQueue.metrics()),
    context.runner.health(),
  ]);
  const ready = database.ok && queue.ok && processor.ok;
  return { status: ready ? "ready" : "unavailable", parts: { database, queue, processor } };
}

async function checkDependency(
  name: string,
  ask: () => Promise<unknown>,
): Promise<{ ok: boolean; detail?: string }> {
  try {
    await ask();
    return { ok: true };
  } catch {
    return { ok: false, detail: `${name} does not answer` };
  }
}
