import type { Readiness } from "../../../schema/api/health.ts";
import type { RequestContext } from "../../context.ts";
import { ping } from "../../db/connection.ts";
import type { RunnerHealth } from "../runs/runner.ts";

/** Maximum size of one D1 database, in bytes. */
const MAX_DATABASE_BYTES = 10e9;
/** The operator is warned from this share on. */
const NEARLY_FULL = 0.8;

/** Checks every part that a job needs. */
export async function readiness(context: RequestContext): Promise<Readiness> {
  const [database, queue, storage, health] = await Promise.all([
    checkDatabase(context),
    checkQueue(context),
    checkStorage(context),
    context.runner.health(),
  ]);
  const processor = judge(health);
  const parts = { database, queue, storage, processor };
  const isReady = Object.values(parts).every(({ ok }) => ok);
  const warns =
    Object.values(parts).some(({ detail }) => detail !== undefined) ||
    processor.checks.some(({ status }) => status !== "ok");
  return { status: isReady ? (warns ? "degraded" : "ready") : "unavailable", parts };
}

/** A processor whose own checks predict that jobs will fail still receives jobs, so the service is not ready. */
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
