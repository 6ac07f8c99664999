import type { Readiness } from "../../../schema/api/health.ts";
import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";

/** What one database of the platform may hold, in bytes. */
const MAX_DATABASE_BYTES = 10e9;
/** From this share on, the operator hears of it. */
const NEARLY_FULL = 0.8;

/** Asks each part that a job needs whether it answers. */
export async function readiness(context: RequestContext): Promise<Readiness> {
  const [database, queue, { isolation: _isolation, tools: _tools, ...processor }] = await Promise.all([
    checkDatabase(context),
    checkQueue(context),
    context.runner.health(),
  ]);
  const ready = database.ok && queue.ok && processor.ok;
  return { status: ready ? "ready" : "unavailable", parts: { database, queue, processor } };
}

async function checkDatabase({ db }: RequestContext): Promise<Readiness["parts"]["database"]> {
  try {
    const size_bytes = await ping(db);
    const isFull = size_bytes !== null && size_bytes > NEARLY_FULL * MAX_DATABASE_BYTES;
    return { ok: true, size_bytes, ...(isFull ? { detail: nearlyFull(size_bytes) } : {}) };
  } catch {
    return { ok: false, size_bytes: null, detail: "the database does not answer" };
  }
}

const nearlyFull = (bytes: number): string =>
  `the database holds ${(bytes / 1e9).toFixed(1)} of ${MAX_DATABASE_BYTES / 1e9} GB; lower JOB_RETENTION_DAYS`;

async function checkQueue({ dispatchQueue }: RequestContext): Promise<Readiness["parts"]["queue"]> {
  try {
    await dispatchQueue.metrics();
    return { ok: true };
  } catch {
    return { ok: false, detail: "the queue does not answer" };
  }
}
