import type { Readiness } from "../../../schema/api/health.ts";
import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";
import type { RunnerHealth } from "../runs/runner.ts";

/** Asks each part that a job needs whether it works. */
export async function readiness(context: RequestContext): Promise<Readiness> {
  const [database, queue, storage, health] = await Promise.all([
    checkDependency("the database", () => ping(context.db)),
    checkDependency("the queue", () => context.dispatchQueue.metrics()),
    checkStorage(context),
    context.runner.health(),
  ]);
  const processor = judge(health);
  const parts = { database, queue, storage, processor };
  const isReady = Object.values(parts).every(({ ok }) => ok);
  const warns = processor.detail !== undefined || processor.checks.some(({ status }) => status !== "ok");
  return { status: isReady ? (warns ? "degraded" : "ready") : "unavailable", parts };
}

/** A processor that knows that its jobs will fail gets them all the same: it is not ready. */
function judge({ ok, detail, checks = [] }: RunnerHealth): Readiness["parts"]["processor"] {
  const failed = checks.filter(({ status }) => status === "failed");
  const details = [...(detail === undefined ? [] : [detail]), ...failed.map((check) => check.detail)];
  return {
    ok: ok && failed.length === 0,
    ...(details.length > 0 && { detail: details.join("; ") }),
    checks: [...checks],
  };
}

async function checkStorage({ bucket }: RequestContext): Promise<Readiness["parts"]["storage"]> {
  const failure = await bucket.checkWrite();
  return failure === null ? { ok: true } : { ok: false, detail: failure };
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
